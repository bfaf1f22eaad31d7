#include "monitor/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "cgroup/cgroup.h"
#include "monitor/stdio.h"
#include "monitor/task.h"
#include "runtime/capabilities.h"
#include "runtime/spec.h"
#include "sys/error.h"
#include "sys/remove_tree.h"
#include "sys/user_namespace.h"
#include "sys/whole_file.h"

namespace strake::monitor {

namespace {

/// What is left of the bundle once the container runs: the specification itself is freed.
struct Container {
  Task task;
  std::unique_ptr<cgroup::Cgroup> group;
  runtime::Launched launched;
  bool ownPidNamespace = false;
  /// Of the container of an ordinary user, whose files are not the monitor's to remove.
  sys::UniqueFd userNamespace;
};

void removeGroup(Container& container) {
  if (container.group) container.group->remove();
}

sys::UniqueFd userNamespaceOf(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/user";
  return sys::UniqueFd(sys::check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
}

/// From the bundle to a running process. On a throw nothing is left but what was there before.
void start(Monitor& monitor, Container& container) {
  container.task = parseTask(sys::readDocument(monitor.path("task.json")));
  const Task& task = container.task;
  monitor.hub().setStdinMode(task.wiring.stdinMode);
  monitor.hub().attachLauncher(task.wiring.attach);
  runtime::Spec spec = runtime::parseSpec(sys::readDocument(monitor.path("config.json")));
  if (task.wiring.terminal)
    spec.process.consoleSize = {task.wiring.terminal->rows, task.wiring.terminal->cols};
  if (task.log) monitor.hub().setLog(*task.log);
  monitor.hub().listen(listenIn(monitor.directory(), "attach.sock"));
  monitor.trace().step("prepare");

  if (!task.cgroup.empty()) container.group = cgroup::Cgroup::create(task.cgroup, spec.linux_.resources);
  monitor.trace().step("cgroup");

  const runtime::Namespace* pidNamespace = spec.find(runtime::NamespaceKind::pid);
  container.ownPidNamespace = pidNamespace != nullptr && pidNamespace->path.empty();
  Stdio stdio = openStdio(spec.process.terminal, task.wiring.stdinMode);
  container.launched = runtime::launch({.spec = spec,
                                        .bundle = monitor.directory(),
                                        .id = task.id,
                                        .rootfs = task.rootfs,
                                        .user = task.user,
                                        .stdio = stdio.borrow(),
                                        .cgroup = container.group.get(),
                                        .stopBeforeExec = false,
                                        .dieWithParent = true,
                                        .trace = monitor.trace().enabled(),
                                        .init = task.init,
                                        .preservedFds = {}});
  if (!runtime::isPrivileged() && spec.find(runtime::NamespaceKind::user))
    container.userNamespace = userNamespaceOf(container.launched.pid);
  container.task.rootfs.lower.clear();  // and with it the mounts that were borrowed for the launch
  connect(monitor.hub(), stdio, container.launched, task.wiring.terminal);
  if (!task.statusFile.empty()) ::unlink(task.statusFile.c_str());  // of an earlier run
  monitor.announce(container.launched, task.cgroup);
}

/// Its process 1 has ended: in a pid namespace of its own everybody else has, too.
void endGroup(Container& container, ExitStatus& status) {
  if (!container.group) return;
  status.oomKilled = container.group->oomKills() > 0;
  if (!container.ownPidNamespace) container.group->kill();
}

bool isBelow(const std::string& path, const std::string& directory) {
  return path.starts_with(directory + "/");
}

/// False: something could not be removed, and is left for the next command to heal.
bool removeDirectories(const Container& container) {
  try {
    sys::asRootOf(container.userNamespace.get(), [&] {
      for (const std::string& directory : container.task.autoRemove) sys::removeTree(directory);
    });
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// On a full disk the run directory, most often a tmpfs, keeps the status for whoever looks next.
void record(Monitor& monitor, const Task& task, const ExitStatus& status) {
  if (task.statusFile.empty()) return;
  const std::string json = statusFileJson(status, monitor.state().startedAt);
  try {
    sys::writeFileAtomic(task.statusFile, json, 0600, task.durable);
  } catch (const sys::SysError&) {
    sys::writeFileAtomic(monitor.path("exit.json"), json, 0600, false);
  }
}

/// Records how it ended and takes everything down, past every failure: whoever comes next finds the rest and
/// heals it.
void end(Monitor& monitor, Container& container, ExitStatus& status) {
  const auto attempt = [](auto step) {
    try {
      step();
    } catch (const std::exception&) {
    }
  };
  const Task& task = container.task;
  const bool recordGoes = std::ranges::any_of(
      task.autoRemove, [&](const std::string& directory) { return isBelow(task.statusFile, directory); });
  monitor.trace().step("payload");
  attempt([&] { endGroup(container, status); });
  monitor.hub().drain();
  monitor.trace().step("drain");
  if (!recordGoes) attempt([&] { record(monitor, task, status); });
  monitor.trace().step("record");
  attempt([&] { removeGroup(container); });
  monitor.trace().step("cgroup removal");
  if (!removeDirectories(container) && recordGoes) {
    attempt([&] { record(monitor, task, status); });
  }
  monitor.trace().step("removal");
}

}  // namespace

int runContainer(Monitor& monitor) {
  Container container;
  try {
    monitor.lock();
    start(monitor, container);
  } catch (...) {
    Failure failure = currentFailure();
    Monitor::abandon(container.launched);
    try {
      removeGroup(container);
    } catch (const std::exception& error) {
      failure.message.append("; and its cgroup could not be removed: ").append(error.what());
    }
    monitor.fail(failure);
    return 1;
  }
  ExitStatus status = monitor.waitForExit(container.launched);
  end(monitor, container, status);
  monitor.finish(status);
  return 0;
}

}  // namespace strake::monitor
