#include "runtime/init_child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/devices.h"
#include "runtime/hooks.h"
#include "runtime/limits.h"
#include "runtime/masks.h"
#include "runtime/mounts.h"
#include "runtime/namespaces.h"
#include "runtime/rootfs.h"
#include "runtime/sysctls.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

bool isNew(const Spec& spec, NamespaceKind kind) {
  const Namespace* ns = spec.find(kind);
  return ns && ns->path.empty();
}

/// In a user namespace nothing may be done before the launcher has mapped the ids; then this is its root.
HostTrees awaitMaps(const ChildContext& context) {
  HostTrees trees;
  for (;;) {
    std::optional<Received> received = context.sync.receive();
    if (!received) _exit(1);  // the launcher is gone
    if (received->message == Message::mapped) break;
    trees.emplace(std::stoull(received->fields.at(0)), std::move(received->fd));
  }
  return trees;
}

void becomeMappedRoot() {
  sys::check(syscall(SYS_setresgid, 0, 0, 0), "setresgid", "0 of the user namespace");
  sys::check(syscall(SYS_setresuid, 0, 0, 0), "setresuid", "0 of the user namespace");
}

void enterCgroup(const LaunchRequest& request) {
  if (request.cgroup && request.cgroup->cloneFd() < 0)
    if (int error = request.cgroup->joinSelf()) throw sys::SysError(error, "join cgroup");
  // Only now: the root of a cgroup namespace is the cgroup that its maker is in.
  if (isNew(request.spec, NamespaceKind::cgroup))
    sys::check(unshare(CLONE_NEWCGROUP), "unshare", "cgroup namespace");
}

void setNames(const Spec& spec) {
  if (!spec.hostname.empty())
    sys::check(sethostname(spec.hostname.data(), spec.hostname.size()), "sethostname", spec.hostname);
  if (!spec.domainname.empty())
    sys::check(setdomainname(spec.domainname.data(), spec.domainname.size()), "setdomainname",
               spec.domainname);
}

void setUpNamespaces(const ChildContext& context, const LaunchRequest& request) {
  const Spec& spec = request.spec;
  context.steps.begin(Step::namespaces);
  joinNamespaces(spec);
  context.steps.begin(Step::network);
  if (fitsNetworkAhead(spec))
    enterNetworkAhead();
  else if (isNew(spec, NamespaceKind::network))
    bringLoopbackUp();
  context.steps.begin(Step::hostname);
  setNames(spec);
}

/// What is written through /proc while it is still the host's.
ExecLabel writeThroughProcfs(const ChildContext& context, const LaunchRequest& request) {
  const Process& process = request.spec.process;
  bool labelled = !process.apparmorProfile.empty() || !process.selinuxLabel.empty();
  if (request.spec.linux_.sysctl.empty() && !process.oomScoreAdj && !labelled) return {};
  context.steps.begin(Step::sysctl);
  Procfs proc(request.spec.linux_.sysctl.empty() ? "self" : "sys");
  writeSysctls(request.spec, proc);
  if (process.oomScoreAdj) setOomScore(context, proc, *process.oomScoreAdj);
  context.steps.begin(Step::labels);
  return openExecLabel(process, proc);
}

sys::UniqueFd makeRootfs(const LaunchRequest& request, HostTrees& trees) {
  cutOffFromHost(request.spec);
  auto made = trees.find(rootTree);
  sys::UniqueFd root = made == trees.end() ? mountRootfs(request, -1, true) : std::move(made->second);
  attachRootfs(root.get());
  hidePaths(root.get(), request.rootfs.hidden);
  return root;
}

void showInit(int root, const LaunchRequest& request, const HostTrees& trees) {
  if (request.init.empty()) return;
  auto made = trees.find(initTree);
  sys::UniqueFd own;
  if (made == trees.end()) own = sys::cloneTree(AT_FDCWD, request.init, false);
  int tree = own ? own.get() : made->second.get();
  sys::changeMount(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, MS_PRIVATE, false,
                   request.init);
  sys::UniqueFd target = sys::makeMountPoint(root, initPath, false);
  sys::attachMount(tree, target.get(), initPath);
}

std::optional<Console> makeConsole(int root, const ChildContext& context, const Process& process) {
  if (!process.terminal) return std::nullopt;
  Console console = openConsole(root, process.consoleSize);
  bindConsole(root, console);
  context.sync.send(Message::console, {}, console.master.get());
  console.master.reset();
  return console;
}

void coverPaths(int root, const Spec& spec) {
  sealPaths(root, spec.linux_.readonlyPaths);
  maskPaths(root, spec.linux_.maskedPaths);
  if (spec.root.readonly) sys::changeMount(root, MOUNT_ATTR_RDONLY, 0, 0, false, "/");
}

void runHooksBeforePivot(const ChildContext& context, const LaunchRequest& request) {
  context.steps.begin(Step::hook);
  if (hasRuntimeHooks(request.spec.hooks)) {
    context.sync.send(Message::namespaced);
    context.sync.expect(Message::hooksRun);
  }
  runHooks(request.spec.hooks.createContainer, "createContainer",
           {request.spec, request.id, "creating", getpid(), request.bundle});
}

/// From the host's root to the container's. Returns the terminal, when there is one.
std::optional<Console> buildRoot(const ChildContext& context, const LaunchRequest& request,
                                 HostTrees& trees) {
  const Spec& spec = request.spec;
  context.steps.begin(Step::rootfs);
  sys::UniqueFd root = makeRootfs(request, trees);
  context.steps.begin(Step::mounts);
  makeMounts(root.get(), request, trees);
  showInit(root.get(), request, trees);
  context.steps.begin(Step::devices);
  makeDevices(root.get(), spec);
  context.steps.begin(Step::console);
  std::optional<Console> console = makeConsole(root.get(), context, spec.process);
  context.steps.begin(Step::cwd);
  if (spec.process.cwd != "/") sys::makeDirectoriesInRoot(root.get(), spec.process.cwd, 0755);
  context.steps.begin(Step::masks);
  coverPaths(root.get(), spec);
  runHooksBeforePivot(context, request);
  context.steps.begin(Step::pivotRoot);
  enterRoot(spec, root.get());
  return console;
}

/// The launcher may end: one who connects and says go takes its place. One who only looks does not.
void waitForConnection(const ChildContext& context, int startSocket) {
  for (;;) {
    sys::UniqueFd peer(accept4(startSocket, nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer && (errno == EINTR || errno == ECONNABORTED)) continue;
    sys::check(dup3(sys::check(peer.get(), "accept", "start socket"), context.sync.get(), O_CLOEXEC), "dup3");
    peer.reset();
    std::optional<Received> received = context.sync.receive();
    if (received && received->message == Message::go) return;
  }
}

/// See Launched::go().
void takeProcess(int file, Process& process) {
  std::string text(static_cast<size_t>(sys::check(lseek(file, 0, SEEK_END), "lseek", "process")), '\0');
  sys::check(pread(file, text.data(), text.size(), 0), "read", "process");
  std::vector<std::string> fields;
  for (size_t at = 0, end; (end = text.find('\0', at)) != std::string::npos; at = end + 1)
    fields.push_back(text.substr(at, end - at));
  const size_t count = fields.size() < 2 ? 0 : std::strtoul(fields[1].c_str(), nullptr, 10);
  if (count == 0 || count > fields.size() - 2)
    throw sys::Error("ERR_SPEC_INVALID", "the process that was to come has no arguments");
  const auto arguments = fields.begin() + 2, environment = arguments + static_cast<ptrdiff_t>(count);
  process.cwd = fields[0];
  process.args.assign(arguments, environment);
  process.env.assign(environment, fields.end());
}

void waitForNetwork(const ChildContext& context, const LaunchRequest& request) {
  if (!request.connectNetwork) return;
  context.steps.begin(Step::network);
  const std::optional<Received> received = context.sync.receive();
  if (!received || received->message != Message::networked) _exit(1);  // the launcher is gone, or has failed
}

/// `process`: what go() brings is put there.
void waitForGo(const ChildContext& context, const LaunchRequest& request, Process& process) {
  if (!request.stopBeforeExec) return;
  context.steps.begin(Step::wait);
  context.sync.send(Message::ready);
  if (request.startSocket >= 0) return waitForConnection(context, request.startSocket);
  std::optional<Received> received = context.sync.receive();
  if (!received || received->message != Message::go) _exit(1);  // the launcher is gone, or wants no more
  if (request.processComesLater) takeProcess(received->fd.get(), process);
}

void runStartHooks(const ChildContext& context, const LaunchRequest& request) {
  context.steps.begin(Step::hook);
  runHooks(request.spec.hooks.startContainer, "startContainer",
           {request.spec, request.id, "created", getpid(), request.bundle});
}

/// Hooks in the container may be programs of its image: they get none of the descriptors.
void closeOnExecute() {
  sys::check(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC), "close_range");
}

HostTrees enterNewWorld(const ChildContext& context, const LaunchRequest& request) {
  context.steps.begin(Step::userNamespace);
  HostTrees trees;
  if (request.needsHostTrees()) trees = awaitMaps(context);
  if (request.spec.find(NamespaceKind::user)) becomeMappedRoot();
  sys::check(setsid(), "setsid");
  umask(0);
  context.steps.begin(Step::cgroup);
  enterCgroup(request);
  setUpNamespaces(context, request);
  return trees;
}

Payload payloadOf(const LaunchRequest& request, const Process& process, const seccomp::Filter* filter) {
  return {.process = process,
          .user = request.user,
          .stdio = request.stdio,
          .preservedFds = request.preservedFds,
          .filter = filter,
          .dieWithParent = request.dieWithParent,
          .init = request.init.empty() ? "" : initPath,
          .console = std::nullopt,
          .label = {},
          .keepKeyring = request.keepKeyring};
}

[[noreturn]] void becomePayload(const ChildContext& context, const LaunchRequest& request,
                                const seccomp::Filter* filter) {
  const Spec& spec = request.spec;
  if (request.callersLock >= 0) close(request.callersLock);
  closeOnExecute();
  HostTrees trees = enterNewWorld(context, request);
  Process later;
  if (request.processComesLater) later = spec.process;
  Payload payload = payloadOf(request, request.processComesLater ? later : spec.process, filter);
  payload.label = writeThroughProcfs(context, request);
  if (spec.find(NamespaceKind::mount)->path.empty()) payload.console = buildRoot(context, request, trees);
  ResolvedPayload resolved;
  if (request.processComesLater)
    resolved.credentials = resolveCredentials(spec.process.user, request.user);
  else
    resolved = resolvePayload(context, payload);
  context.steps.begin(Step::stdio);
  useStdio(payload, resolved.credentials);
  if (spec.linux_.personality) sys::check(personality(*spec.linux_.personality), "personality");
  waitForNetwork(context, request);
  waitForGo(context, request, later);
  if (request.processComesLater) resolved = resolvePayload(context, payload);
  runStartHooks(context, request);
  confineAndExecute(context, payload, resolved);
}

}  // namespace

bool hasRuntimeHooks(const Hooks& hooks) {
  return !hooks.prestart.empty() || !hooks.createRuntime.empty();
}

void reportFailureAndExit(const SyncSocket& sync, const Steps& steps) noexcept {
  const char* step = stepName(steps.current());
  const char* code = stepCode(steps.current());
  try {
    try {
      throw;
    } catch (const sys::SysError& error) {
      sync.send(Message::failed, {code, step, std::to_string(error.error()), error.path(), explain(error)});
    } catch (const sys::Error& error) {
      sync.send(Message::failed, {error.code(), step, "0", "", error.what()});
    } catch (const std::exception& error) {
      sync.send(Message::failed, {"ERR_LAUNCH_FAILED", step, "0", "", error.what()});
    }
  } catch (...) {
    // The launcher is gone: nobody is left to be told.
  }
  _exit(1);
}

void runInit(const LaunchRequest& request, const seccomp::Filter* filter, SyncSocket sync, Steps steps) {
  try {
    becomePayload({sync, steps}, request, filter);
  } catch (...) {
    reportFailureAndExit(sync, steps);
  }
}

}  // namespace strake::runtime
