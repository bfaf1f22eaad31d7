// task.json and exec.json, typed (native/protocol/task.md).
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/events.h"
#include "monitor/health_status.h"
#include "monitor/joins.h"
#include "monitor/json_log.h"
#include "monitor/network_task.h"
#include "monitor/restart.h"
#include "monitor/stdio_hub.h"
#include "runtime/launch.h"

namespace strake::monitor {

/// How a process's stdio is wired, for a container and for an exec alike.
struct Wiring {
  StdinMode stdinMode = StdinMode::none;
  Attach attach;  // of the launcher
  std::optional<TerminalSize> terminal;
};

struct Task {
  std::string id;
  runtime::Rootfs rootfs;
  std::map<std::string, runtime::Rootfs> images;  // of mounts of type "image", by destination
  runtime::UserByName user;
  std::string cgroup;
  Wiring wiring;
  std::optional<JsonLog::Options> log;
  std::string statusFile;  // "": none
  bool durable = false;
  std::string init;  // "": the payload is process 1
  std::vector<std::string> autoRemove;
  RestartPolicy restart;
  std::optional<HealthCheck> health;
  std::vector<Join> joins;
  EventSource events;
  std::optional<NetworkTask> network;
  bool waits = false;  // for a go frame, which says what is executed
};

struct ExecTask {
  std::string container;  // the container's run directory
  runtime::Process process;
  runtime::UserByName user;
  Wiring wiring;
  std::string statusFile;
  EventSource events;
};

/// Both throw sys::Error ERR_SPEC_INVALID that names the field.
Task parseTask(const std::string& json);
ExecTask parseExecTask(const std::string& json);

}  // namespace strake::monitor
