#include <fcntl.h>

#include "cgroup/cgroup.h"
#include "monitor/run.h"
#include "monitor/running.h"
#include "monitor/stdio.h"
#include "monitor/task.h"
#include "runtime/spec.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::monitor {

namespace {

constexpr size_t longestCommand = 1024;  // bytes, of an event

/// Docker's, for the action of its events.
std::string commandOf(const ExecTask& task) {
  std::string command;
  for (const std::string& argument : task.process.args)
    command.append(command.empty() ? "" : " ").append(argument);
  return command.substr(0, longestCommand);
}

void start(Monitor& monitor, ExecTask& task, runtime::Launched& launched) {
  const Wiring& wiring = task.wiring;
  monitor.hub().setStdinMode(wiring.stdinMode);
  monitor.hub().attachLauncher(wiring.attach);
  if (!task.statusFile.empty()) monitor.hub().listen(listenIn(monitor.directory(), "attach.sock"));
  const Running container = findRunning(task.container);
  const runtime::Spec spec = runtime::parseSpec(sys::readDocument(task.container + "/config.json"));
  if (wiring.terminal) task.process.consoleSize = {wiring.terminal->rows, wiring.terminal->cols};
  const auto group = container.state.cgroup.empty() ? nullptr : cgroup::Cgroup::open(container.state.cgroup);
  Stdio stdio = openStdio(task.process.terminal, wiring.stdinMode);
  monitor.trace().step("prepare");

  launched = runtime::exec({.spec = spec,
                            .process = task.process,
                            .id = task.container.substr(task.container.rfind('/') + 1),
                            .bundle = task.container,
                            .init = container.state.pid,
                            .initPidfd = container.pidfd.get(),
                            .user = task.user,
                            .stdio = stdio.borrow(),
                            .cgroup = group.get(),
                            .dieWithParent = true,
                            .trace = monitor.trace().enabled(),
                            .preservedFds = {}});
  connect(monitor.hub(), stdio, launched, wiring.terminal);
  emit(task.events, "exec_start: " + commandOf(task));
  monitor.announce(launched, container.state.cgroup);
}

void record(const ExecTask& task, const ExitStatus& status, const std::string& startedAt) {
  if (task.statusFile.empty()) return;
  try {
    sys::writeFileAtomic(task.statusFile, statusFileJson(status, startedAt), 0600, false);
  } catch (const std::exception&) {  // the directory went with the container: nobody can ask any more
  }
}

}  // namespace

int runExec(Monitor& monitor) {
  ExecTask task;
  runtime::Launched launched;
  try {
    monitor.lock();
    task = parseExecTask(sys::readDocument(monitor.path("exec.json")));
    start(monitor, task, launched);
  } catch (...) {
    const Failure failure = currentFailure();
    Monitor::abandon(launched);
    monitor.fail(failure);
    return 1;
  }
  const ExitStatus status = monitor.waitForExit(launched);
  // Children that it left behind may hold its output open for ever; what it wrote itself is there by now.
  monitor.hub().drain();
  record(task, status, monitor.state().startedAt);
  emit(task.events, "exec_die", {{"exitCode", std::to_string(status.exitCode)}});
  monitor.finish(status);
  return 0;
}

}  // namespace strake::monitor
