// The small JSON texts that a monitor reads and writes itself (native/protocol/frames.h, task.md).
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "monitor/connection.h"

namespace strake::monitor {

/// How the container's process ended.
struct ExitStatus {
  int exitCode = 0;        // 128+n for a signal
  int signal = 0;          // 0: none
  bool oomKilled = false;  // the memory limit killed a process of the container
  std::string finishedAt;  // RFC 3339
  std::string error;       // why it could not be run again, for people; "": it was run
};

/// What state.json holds: who supervises, and which process exactly is supervised.
struct State {
  pid_t monitorPid = 0;
  pid_t pid = 0;
  std::string pidStart;  // field 22 of /proc/PID/stat: with it, a pid means one process for ever
  std::string startedAt;
  std::string cgroup;
  unsigned restarts = 0;
};

std::string startedJson(const State& state);
std::string stateJson(const State& state);
/// The same while nothing runs: it will again at `restartAt` (RFC 3339).
std::string restartingJson(const State& state, const std::string& restartAt);
std::optional<State> parseState(const std::string& json);

/// The payload of `exited`.
std::string exitedJson(const ExitStatus& status);
/// What the status file holds.
std::string statusFileJson(const ExitStatus& status, const std::string& startedAt, unsigned restarts = 0);

struct Failure {
  std::string code, step;
  int error = 0;
  std::string path, message;
};

std::string failedJson(const Failure& failure);
std::string warningJson(const std::string& code, const std::string& message);
/// `["name",nanoseconds]`, of which a list is a trace frame.
std::string traceJson(const std::string& step, int64_t at);

std::optional<Attach> parseAttach(const std::string& json);

}  // namespace strake::monitor
