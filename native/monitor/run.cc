#include "monitor/run.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "cgroup/cgroup.h"
#include "monitor/events.h"
#include "monitor/health.h"
#include "monitor/run_network.h"
#include "monitor/stdio.h"
#include "monitor/task.h"
#include "monitor/trouble.h"
#include "runtime/capabilities.h"
#include "runtime/hooks.h"
#include "runtime/spec.h"
#include "sys/error.h"
#include "sys/remove_tree.h"
#include "sys/user_namespace.h"
#include "sys/whole_file.h"

namespace strake::monitor {

namespace {

constexpr int longestHook = 60;  // seconds, of a poststart or poststop hook that says nothing itself

/// What is left of the bundle once the container runs: the specification itself is freed.
struct Container {
  Task task;
  std::unique_ptr<cgroup::Cgroup> group;
  runtime::Launched launched;
  RunNetwork network;
  bool ownPidNamespace = false;
  bool hasPoststopHooks = false;
  /// Of this run: a process was killed for want of memory, and that has been told.
  bool toldOfOom = false;
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

/// The launcher wants a container that waits no more.
class NotWanted {};

/// Reads the bundle; from then on clients may attach.
runtime::Spec prepare(Monitor& monitor, Container& container) {
  logTroubleTo(monitor.path("monitor.log"));
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
  return spec;
}

/// To the last step before the exec, for a container that waits; else to the exec.
void launch(Monitor& monitor, Container& container, runtime::Spec& spec) {
  const Task& task = container.task;
  if (!task.cgroup.empty()) container.group = cgroup::Cgroup::create(task.cgroup, spec.linux_.resources);
  monitor.trace().step("cgroup");

  container.network = RunNetwork(monitor.loop(), task.network, task.id);
  const Joined joined = join(spec, task.joins);
  const runtime::Namespace* pidNamespace = spec.find(runtime::NamespaceKind::pid);
  container.ownPidNamespace = pidNamespace != nullptr && pidNamespace->path.empty();
  Stdio stdio = openStdio(spec.process.terminal, task.wiring.stdinMode);
  container.launched = runtime::launch({.spec = spec,
                                        .bundle = monitor.directory(),
                                        .id = task.id,
                                        .rootfs = task.rootfs,
                                        .images = task.images,
                                        .user = task.user,
                                        .stdio = stdio.borrow(),
                                        .sharedTrees = joined.borrowTrees(),
                                        .cgroup = container.group.get(),
                                        .stopBeforeExec = task.waits,
                                        .processComesLater = task.waits,
                                        .connectNetwork = container.network.connector(),
                                        .dieWithParent = true,
                                        .trace = monitor.trace().enabled(),
                                        .init = task.init,
                                        .preservedFds = {}});
  if (!runtime::isPrivileged() && spec.find(runtime::NamespaceKind::user))
    container.userNamespace = userNamespaceOf(container.launched.pid);
  container.task.rootfs.lower.clear();  // and with it the mounts that were borrowed for the launch
  container.task.images.clear();
  connect(monitor.hub(), stdio, container.launched, task.wiring.terminal);
}

/// The exec of a container that has waited for it.
void go(Monitor& monitor, Container& container) {
  const std::optional<std::string> process = monitor.waitForGo(container.launched);
  if (!process) throw NotWanted();
  container.launched.go(*process);
}

/// It runs: its hooks, what is known of earlier runs, and whoever wants to know.
void announceStart(Monitor& monitor, Container& container, const runtime::Spec& spec) {
  const Task& task = container.task;
  container.hasPoststopHooks = !spec.hooks.poststop.empty();
  for (std::string& failure : runtime::runEveryHook(
           spec.hooks.poststart, "poststart",
           {spec, task.id, "running", container.launched.pid, monitor.directory()}, longestHook))
    container.launched.warnings.push_back({"ERR_HOOK_FAILED", std::move(failure)});
  if (!task.statusFile.empty() && !task.waits) ::unlink(task.statusFile.c_str());  // of an earlier run
  if (task.health)
    sys::writeFileAtomic(monitor.path("health.json"), HealthStatus(*task.health).json(), 0600, false);
  monitor.hub().setReload([&] { return container.network.reload(monitor.path("task.json")); });
  emitNetworks(task.events, "connect");
  emitVolumes(task.events, "mount");
  emit(task.events, "start");
  monitor.announce(container.launched, task.cgroup);
}

/// From the bundle to a running process. On a throw nothing is left but what was there before.
void start(Monitor& monitor, Container& container) {
  runtime::Spec spec = prepare(monitor, container);
  launch(monitor, container, spec);
  if (container.task.waits) go(monitor, container);
  announceStart(monitor, container, spec);
}

/// task.json as it is now: `update` and `rename` rewrite it while the container runs.
Task currentTask(const Monitor& monitor, const Task& last) {
  try {
    return parseTask(sys::readDocument(monitor.path("task.json")));
  } catch (const std::exception&) {
    return last;
  }
}

/// Its process 1 has ended: in a pid namespace of its own everybody else has, too.
void endGroup(Container& container, ExitStatus& status) {
  if (!container.group) return;
  status.oomKilled = container.group->oomKills() > 0;
  if (!container.ownPidNamespace) container.group->kill();
}

/// Nobody is left who could be told of a hook that fails.
void runPoststopHooks(const Monitor& monitor, const Task& task) {
  const runtime::Spec spec = runtime::parseSpec(sys::readDocument(monitor.path("config.json")));
  runtime::runEveryHook(spec.hooks.poststop, "poststop", {spec, task.id, "stopped", 0, monitor.directory()},
                        longestHook);
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
  const std::string& startedAt = monitor.state().startedAt;
  const std::string json =
      statusFileJson(status, startedAt.empty() ? status.finishedAt : startedAt, monitor.state().restarts);
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
  container.network.disconnect();
  monitor.trace().step("network");
  if (!recordGoes) attempt([&] { record(monitor, task, status); });
  const EventSource events = currentTask(monitor, task).events;
  if (status.oomKilled && !container.toldOfOom) emit(events, "oom");
  emit(events, "die", {{"exitCode", std::to_string(status.exitCode)}});
  emitNetworks(events, "disconnect");
  emitVolumes(events, "unmount");
  monitor.trace().step("record");
  attempt([&] { removeGroup(container); });
  monitor.trace().step("cgroup removal");
  if (container.hasPoststopHooks) attempt([&] { runPoststopHooks(monitor, task); });
  // First: of a container that is gone nobody would know that its addresses are free.
  if (recordGoes) container.network.releaseLeases();
  const bool removed = removeDirectories(container);
  if (removed && recordGoes) emit(events, "destroy");
  if (!removed && recordGoes) attempt([&] { record(monitor, task, status); });
  monitor.trace().step("removal");
}

/// One run of the container: how it ended, and how long it took.
struct Run {
  ExitStatus status;
  std::chrono::milliseconds took{0};
  bool isLast = false;  // whatever the policy says
};

/// As the container's own process, but for the command and the output. The specification is read again: a
/// monitor keeps nothing that it does not need.
runtime::Launched execute(const Monitor& monitor, const Container& container,
                          const std::vector<std::string>& argv, int output) {
  const runtime::Spec spec = runtime::parseSpec(sys::readDocument(monitor.path("config.json")));
  runtime::Process process = spec.process;
  process.args = argv;
  process.terminal = false;
  return runtime::exec({.spec = spec,
                        .process = std::move(process),
                        .id = container.task.id,
                        .bundle = monitor.directory(),
                        .init = container.launched.pid,
                        .initPidfd = container.launched.pidfd.get(),
                        .user = container.task.user,
                        .stdio = {.in = STDIN_FILENO, .out = output, .err = output},
                        .cgroup = container.group.get(),
                        .dieWithParent = true,
                        .preservedFds = {}});
}

std::unique_ptr<HealthMonitor> watchHealth(Monitor& monitor, const Container& container) {
  if (!container.task.health) return nullptr;
  return std::make_unique<HealthMonitor>(
      monitor.loop(), *container.task.health, monitor.path("health.json"),
      HealthMonitor::Container{
          .execute = [&](const std::vector<std::string>& argv,
                         int output) { return execute(monitor, container, argv, output); },
          .isPaused = [&] { return ::access(monitor.path("paused").c_str(), F_OK) == 0; },
          .signal = [&](int signal) { Monitor::signal(container.launched, signal); },
          .onChange =
              [&](const char* status) {
                emit(currentTask(monitor, container.task).events, std::string("health_status: ") + status);
              }});
}

/// 0 where nobody can say any more.
uint64_t oomKillsOf(const cgroup::Cgroup& group) noexcept {
  try {
    return group.oomKills();
  } catch (const std::exception&) {
    return 0;
  }
}

/// Tells of it at once: the container may well go on, and whoever follows the events wants to know.
std::unique_ptr<Readiness> watchOom(Monitor& monitor, Container& container) {
  sys::UniqueFd events = container.group ? container.group->watchOom() : sys::UniqueFd();
  if (!events) return nullptr;
  const int fd = events.get();
  return std::make_unique<Readiness>(monitor.loop(), std::move(events),
                                     [&monitor, &container, fd, told = uint64_t{0}]() mutable {
                                       char buffer[4096];
                                       while (::read(fd, buffer, sizeof buffer) > 0) continue;
                                       // On v1 the notice comes before the kill; on v2 memory.events changes
                                       // for other reasons, too: with each reclaim, for one.
                                       if (cgroup::layout() == cgroup::Layout::v2) {
                                         const uint64_t kills = oomKillsOf(*container.group);
                                         if (kills <= told) return;
                                         told = kills;
                                       }
                                       container.toldOfOom = true;
                                       emit(currentTask(monitor, container.task).events, "oom");
                                     });
}

/// From its start to the record of its end.
Run supervise(Monitor& monitor, Container& container) {
  using std::chrono::steady_clock;
  const auto began = steady_clock::now();
  auto health = watchHealth(monitor, container);
  auto oom = watchOom(monitor, container);
  Run run{monitor.waitForExit(container.launched)};
  run.took = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - began);
  health.reset();
  oom.reset();
  end(monitor, container, run.status);
  return run;
}

/// After a launch that failed: what it made goes, and what failed is answered.
Failure undoLaunch(Container& container) {
  Failure failure = currentFailure();
  Monitor::abandon(container.launched);
  container.network.undo();
  try {
    removeGroup(container);
  } catch (const std::exception& error) {
    failure.message.append("; and its cgroup could not be removed: ").append(error.what());
  }
  return failure;
}

/// Docker's codes for a command that cannot be run.
int exitCodeOf(const Failure& failure) {
  if (failure.code == "ERR_EXEC_NOT_FOUND") return 127;
  return failure.code.starts_with("ERR_EXEC_") ? 126 : 128;
}

/// A container that ran before; one that cannot be started any more has ended so.
Run runAgain(Monitor& monitor, Container& container) {
  try {
    start(monitor, container);
    // Who stops it while nothing runs finds nothing to kill, and relies on this.
    if (isStopped(container.task.restart)) Monitor::signal(container.launched, SIGKILL);
  } catch (...) {
    const Failure failure = undoLaunch(container);
    const ExitStatus status{.exitCode = exitCodeOf(failure),
                            .finishedAt = currentTime(),
                            .error = "it could not be started again: " + failure.message};
    record(monitor, container.task, status);
    return {.status = status, .isLast = true};
  }
  return supervise(monitor, container);
}

/// The runs that the policy asks for after `run`; the last one, with its monitor in `monitor`.
Run restart(std::unique_ptr<Monitor>& monitor, Container& container, Run run) {
  RestartPolicy policy = container.task.restart;
  const auto isOver = [&] { return isStopped(policy); };
  RestartHistory history;
  while (!run.isLast && !isOver()) {
    policy = currentTask(*monitor, container.task).restart;
    const auto delay = history.next(policy, run.status.exitCode, run.took);
    if (!delay || !monitor->backOff(run.status, *delay, isOver)) break;
    monitor = std::make_unique<Monitor>(monitor->directory(), monitor->takeLock(), history.count());
    container.network.removeInterfaces();
    container = Container{};
    run = runAgain(*monitor, container);
  }
  return run;
}

/// Its launcher may have been killed: nobody else removes it.
void removeUnwanted(Container& container) {
  Monitor::abandon(container.launched);
  container.network.undo();
  container.network.releaseLeases();
  try {
    removeGroup(container);
  } catch (const std::exception&) {
  }
  if (removeDirectories(container)) emit(container.task.events, "destroy");
}

}  // namespace

int runContainer(std::unique_ptr<Monitor> monitor) {
  Container container;
  try {
    monitor->lock();
    start(*monitor, container);
  } catch (const NotWanted&) {
    removeUnwanted(container);
    return 0;
  } catch (...) {
    monitor->fail(undoLaunch(container));
    return 1;
  }
  const Run last = restart(monitor, container, supervise(*monitor, container));
  monitor->finish(last.status, [&] { container.network.leave(monitor->path("lock")); });
  return 0;
}

}  // namespace strake::monitor
