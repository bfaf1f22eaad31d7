#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/capabilities.h"
#include "runtime/cpu_list.h"
#include "runtime/init_child.h"
#include "runtime/joiner.h"
#include "runtime/launcher.h"
#include "runtime/limits.h"
#include "runtime/seccomp_listener.h"
#include "sys/error.h"

namespace strake::runtime {
namespace {

void enterCgroup(cgroup::Cgroup* cgroup) {
  if (!cgroup || cgroup->cloneFd() >= 0) return;
  if (int error = cgroup->joinSelf()) throw sys::SysError(error, "join cgroup");
}

/// The container's init, and whether a child that enters its namespaces was born into its user namespace: an
/// ordinary user may enter what a user namespace of his owns from inside of that one only.
struct Target {
  int initPidfd;
  bool inUserNamespace;
};

/// Joins all of the container's namespaces at once, user first as setns(2) orders them itself.
void enterNamespaces(const ExecRequest& request, Target target) {
  uint64_t flags =
      ownNamespaces(request.spec) & ~(cloneFlag(NamespaceKind::pid) | cloneFlag(NamespaceKind::time));
  if (target.inUserNamespace) flags &= ~cloneFlag(NamespaceKind::user);
  sys::check(setns(target.initPidfd, static_cast<int>(flags)), "setns", "container's namespaces");
  if (!request.spec.find(NamespaceKind::user)) return;
  sys::check(syscall(SYS_setresgid, 0, 0, 0), "setresgid", "0 of the user namespace");
  sys::check(syscall(SYS_setresuid, 0, 0, 0), "setresuid", "0 of the user namespace");
}

std::optional<Console> makeConsole(const ChildContext& context, const Process& process) {
  if (!process.terminal) return std::nullopt;
  sys::UniqueFd root(sys::check(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  Console console = openConsole(root.get(), process.consoleSize);
  context.sync.send(Message::console, {}, console.master.get());
  console.master.reset();
  return console;
}

/// What has to be written through the host's /proc, before the container's one is all that is seen.
ExecLabel writeThroughProcfs(const ChildContext& context, const Process& process) {
  bool labelled = !process.apparmorProfile.empty() || !process.selinuxLabel.empty();
  if (!labelled && !process.oomScoreAdj) return {};
  context.steps.begin(Step::labels);
  Procfs proc;
  if (process.oomScoreAdj) setOomScore(context, proc, *process.oomScoreAdj);
  return openExecLabel(process, proc);
}

void joinCgroup(const ChildContext& context, const ExecRequest& request) {
  context.steps.begin(Step::cgroup);
  setAffinity(request.process.cpuAffinityInitial);
  enterCgroup(request.cgroup);
  setAffinity(request.process.cpuAffinityFinal);
}

Payload payloadOf(const ExecRequest& request, const seccomp::Filter* filter) {
  return {.process = request.process,
          .user = request.user,
          .stdio = request.stdio,
          .preservedFds = request.preservedFds,
          .filter = filter,
          .dieWithParent = request.dieWithParent,
          .init = "",
          .console = std::nullopt,
          .label = {}};
}

[[noreturn]] void becomePayload(const ChildContext& context, const ExecRequest& request,
                                const seccomp::Filter* filter, Target target) {
  sys::check(setsid(), "setsid");
  umask(0);
  joinCgroup(context, request);
  Payload payload = payloadOf(request, filter);
  payload.label = writeThroughProcfs(context, request.process);
  context.steps.begin(Step::namespaces);
  enterNamespaces(request, target);
  context.steps.begin(Step::console);
  payload.console = makeConsole(context, request.process);
  ResolvedPayload resolved = resolvePayload(context, payload);
  context.steps.begin(Step::stdio);
  useStdio(payload, resolved.credentials);
  const auto& personality = request.spec.linux_.personality;
  if (personality) sys::check(::personality(*personality), "personality");
  confineAndExecute(context, payload, resolved);
}

[[noreturn]] void runExec(const ExecRequest& request, const seccomp::Filter* filter, Target target,
                          SyncSocket sync, Steps steps) {
  try {
    becomePayload({sync, steps}, request, filter, target);
  } catch (...) {
    reportFailureAndExit(sync, steps);
  }
}

void enterForChildren(ChildrenIn& children, const Spec& spec, int initPidfd) {
  for (NamespaceKind kind : {NamespaceKind::pid, NamespaceKind::time})
    if (spec.find(kind)) children.enter(initPidfd, cloneFlag(kind));
}

/// The user namespace, then those that children are born into.
void joinAsOwner(const Spec& spec, int initPidfd) {
  sys::check(setns(initPidfd, CLONE_NEWUSER), "setns", "container's user namespace");
  for (NamespaceKind kind : {NamespaceKind::pid, NamespaceKind::time})
    if (spec.find(kind))
      sys::check(setns(initPidfd, static_cast<int>(cloneFlag(kind))), "setns", "container's namespaces");
}

StartingChild cloneIntoContainer(const ExecRequest& request, const seccomp::Filter* filter, int initPidfd) {
  auto [ours, theirs] = SyncSocket::pair();
  Undumpable undumpable;
  ChildrenIn children;
  const Target target{initPidfd, request.spec.find(NamespaceKind::user) && !isPrivileged()};
  const int cgroupFd = request.cgroup ? request.cgroup->cloneFd() : -1;
  if (!target.inUserNamespace) enterForChildren(children, request.spec, initPidfd);
  Child child = target.inUserNamespace ? cloneThroughJoiner([&] { joinAsOwner(request.spec, initPidfd); }, 0,
                                                            cgroupFd, {ours, theirs})
                                       : cloneChild(0, cgroupFd);
  if (child.pid == 0) {
    ours.release().reset();
    runExec(request, filter, target, std::move(theirs), Steps(request.trace));
  }
  return {std::move(child), std::move(ours)};
}

Launched execChecked(const ExecRequest& request) {
  sys::UniqueFd own;
  if (request.initPidfd < 0)
    own = sys::UniqueFd(static_cast<int>(
        sys::check(syscall(SYS_pidfd_open, request.init, 0), "pidfd_open", std::to_string(request.init))));
  int initPidfd = own ? own.get() : request.initPidfd;
  std::optional<seccomp::Filter> filter;
  if (request.spec.linux_.seccomp) filter = seccomp::compile(*request.spec.linux_.seccomp);
  Launched launched;
  if (request.trace) launched.trace.push_back({"filter", monotonicNow()});
  StartingChild child = cloneIntoContainer(request, filter ? &*filter : nullptr, initPidfd);
  if (request.spec.find(NamespaceKind::user)) raiseHardLimits(child.pid(), request.process.rlimits);
  launched.onListener = [&](int listener) {
    sendToAgent(listener, child.pid(), {request.spec, request.id, "running", request.init, request.bundle});
  };
  child.collectToExec(launched);
  child.releaseTo(launched);
  launched.sync.reset();
  launched.onListener = {};
  return launched;
}

}  // namespace

Launched exec(const ExecRequest& request) {
  try {
    return execChecked(request);
  } catch (const sys::SysError& error) {
    throw LaunchError(stepCode(Step::namespaces), stepName(Step::namespaces), error.error(), error.path(),
                      explain(error));
  } catch (const sys::Error& error) {
    throw LaunchError(error.code(), stepName(Step::clone), 0, "", error.what());
  }
}

}  // namespace strake::runtime
