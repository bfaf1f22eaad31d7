#include "runtime/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/capabilities.h"
#include "runtime/hooks.h"
#include "runtime/init_child.h"
#include "runtime/joiner.h"
#include "runtime/launcher.h"
#include "runtime/limits.h"
#include "runtime/mount_sources.h"
#include "runtime/mounts.h"
#include "runtime/namespaces.h"
#include "runtime/rootfs.h"
#include "runtime/seccomp_listener.h"
#include "runtime/sysctls.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/id_map.h"
#include "sys/user_namespace.h"

namespace strake::runtime {
namespace {

bool joinsUserNamespace(const Spec& spec) {
  const Namespace* user = spec.find(NamespaceKind::user);
  return user && !user->path.empty();
}

/// The child is born into all new namespaces at once, but for those that must be made later: the cgroup
/// namespace (after the cgroup is joined) and the time namespace (which children of its maker enter); and for
/// a network namespace that is there already.
uint64_t birthNamespaces(const Spec& spec) {
  uint64_t later = cloneFlag(NamespaceKind::cgroup) | cloneFlag(NamespaceKind::time);
  if (fitsNetworkAhead(spec)) later |= cloneFlag(NamespaceKind::network);
  return newNamespaces(spec) & ~later;
}

void enterForChildren(ChildrenIn& children, const Spec& spec) {
  const Namespace* pid = spec.find(NamespaceKind::pid);
  if (pid && !pid->path.empty() && !joinsUserNamespace(spec)) {
    sys::UniqueFd ns(sys::check(open(pid->path.c_str(), O_RDONLY | O_CLOEXEC), "open", pid->path));
    children.enter(ns.get(), cloneFlag(NamespaceKind::pid));
  }
  const Namespace* time = spec.find(NamespaceKind::time);
  if (time && time->path.empty()) children.enterNewTime(spec.linux_);
  if (time && !time->path.empty()) {
    sys::UniqueFd ns(sys::check(open(time->path.c_str(), O_RDONLY | O_CLOEXEC), "open", time->path));
    children.enter(ns.get(), cloneFlag(NamespaceKind::time));
  }
}

/// The mounts that need the host's privileges or its view of paths, sent to the child by descriptor.
class HostSide {
 public:
  HostSide(const LaunchRequest& request, const StartingChild& child) : request_(request), child_(child) {}

  void prepare() {
    const Spec& spec = request_.spec;
    if (spec.find(NamespaceKind::user)) {
      if (!joinsUserNamespace(spec))
        sys::writeIdMaps(child_.pid(), spec.linux_.uidMappings, spec.linux_.gidMappings);
      raiseHardLimits(child_.pid(), spec.process.rlimits);
      if (spec.process.oomScoreAdj && isPrivileged()) lowerOomScore(child_.pid(), *spec.process.oomScoreAdj);
    }
    // Who may mount nothing leaves it all to the child, which may in its own user namespace.
    if (isPrivileged()) makeTrees();
    child_.sync().send(Message::mapped);
  }

 private:
  void makeTrees() {
    const Spec& spec = request_.spec;
    if (spec.find(NamespaceKind::user)) {
      std::string path = "/proc/" + std::to_string(child_.pid()) + "/ns/user";
      userns_ = sys::UniqueFd(sys::check(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
      send(rootTree, asMappedRoot([&] { return mountRootfs(request_, userns_.get(), false); }));
      if (!request_.init.empty()) send(initTree, sys::cloneTree(AT_FDCWD, request_.init, false));
    }
    for (size_t n = 0; n < spec.mounts.size(); ++n) prepareMount(n, spec.mounts[n]);
  }

  /// overlayfs creates its work directory, and later every copy, with the identity of whoever mounts it: the
  /// container's root must be that, since the host's has no id on the id-mapped layers.
  template <typename Work>
  sys::UniqueFd asMappedRoot(Work work) {
    if (!userns_) return work();
    ActingAs root(outsideRoot(child_.pid(), "uid_map"), outsideRoot(child_.pid(), "gid_map"));
    return work();
  }

  void prepareMount(size_t index, const Mount& mount) {
    const MountOptions options = parseMountOptions(mount.options);
    const bool mapped = options.idmap || !mount.idmap.uids.empty();
    const bool inside =
        !options.remount && !isBind(mount, options) && !isImage(mount) && !isHostsAlone(mount, options);
    if (mapped && (inside || options.remount))
      throw sys::Error("ERR_SPEC_INVALID", mount.destination + ": only bind mounts can be id-mapped");
    if (inside || options.remount) return;
    sys::UniqueFd tree = openHostTree(mount, options);
    if (mapped && !isImage(mount))
      mapIds(tree.get(), idmapNamespace(mount).get(), options.idmapRecursive, mount);
    // What is mounted inside must not travel to the host, which a mount namespace of another user namespace
    // would see to by itself (mount_namespaces(7), "Restrictions on mount namespaces").
    if (userns_ && options.propagation == MS_SHARED)
      sys::changeMount(tree.get(), 0, 0, MS_SLAVE, true, mount.destination);
    send(index, std::move(tree));
  }

  sys::UniqueFd openHostTree(const Mount& mount, const MountOptions& options) {
    if (isImage(mount))
      return asMappedRoot([&] { return openTree(request_, mount, options, userns_.get()); });
    return isBind(mount, options) ? openTree(request_, mount, options, -1) : openFileSystem(mount, options);
  }

  /// The mount's own mapping, or the container's.
  sys::UniqueFd idmapNamespace(const Mount& mount) {
    if (!mount.idmap.uids.empty()) return sys::makeUserNamespace(mount.idmap.uids, mount.idmap.gids);
    if (!userns_)
      throw sys::Error("ERR_SPEC_INVALID", mount.destination + ": idmap needs mappings or a user namespace");
    return sys::UniqueFd(sys::check(fcntl(userns_.get(), F_DUPFD_CLOEXEC, 0), "dup"));
  }

  void send(size_t index, sys::UniqueFd tree) {
    child_.sync().send(Message::tree, {std::to_string(index)}, tree.get());
  }

  const LaunchRequest& request_;
  const StartingChild& child_;
  sys::UniqueFd userns_;
};

StartingChild cloneInit(const LaunchRequest& request, const seccomp::Filter* filter) {
  auto [ours, theirs] = SyncSocket::pair();
  const Namespace* pidNamespace = request.spec.find(NamespaceKind::pid);
  std::optional<Undumpable> undumpable;
  // Others see the child in /proc. Those of a user namespace that is not its own may not look into it anyway,
  // and without privilege nobody could write the maps of a child that belongs to root there.
  const bool isSeen = !pidNamespace || !pidNamespace->path.empty();
  if (isSeen && (isPrivileged() || !request.spec.find(NamespaceKind::user))) undumpable.emplace();
  ChildrenIn children;
  enterForChildren(children, request.spec);
  int cgroupFd = request.cgroup ? request.cgroup->cloneFd() : -1;
  const auto join = [&] {
    joinNamespace(NamespaceKind::user, request.spec.find(NamespaceKind::user)->path);
    if (pidNamespace && !pidNamespace->path.empty()) joinNamespace(NamespaceKind::pid, pidNamespace->path);
  };
  uint64_t namespaces = birthNamespaces(request.spec);
  Child child = joinsUserNamespace(request.spec)
                    ? cloneThroughJoiner(join, namespaces, cgroupFd, {ours, theirs})
                    : cloneChild(namespaces, cgroupFd);
  if (child.pid == 0) {
    ours.release().reset();
    runInit(request, filter, std::move(theirs), Steps(request.trace));
  }
  return {std::move(child), std::move(ours)};
}

void runRuntimeHooks(const LaunchRequest& request, StartingChild& child, Launched& launched) {
  if (!hasRuntimeHooks(request.spec.hooks)) return;
  if (!child.collect(launched, Message::namespaced)) return;
  HookState state{request.spec, request.id, "creating", child.pid(), request.bundle};
  runHooks(request.spec.hooks.prestart, "prestart", state);
  runHooks(request.spec.hooks.createRuntime, "createRuntime", state);
  child.sync().send(Message::hooksRun);
}

/// A child that has failed meanwhile says so itself.
void connectNetwork(const LaunchRequest& request, const StartingChild& child, int netns) {
  if (!request.connectNetwork) return;
  request.connectNetwork(netns);
  try {
    child.sync().send(Message::networked);
  } catch (const sys::SysError& error) {
    if (error.error() != EPIPE && error.error() != ECONNRESET) throw;
  }
}

/// A child that has failed and ended already has none any more, and says why.
sys::UniqueFd networkOfChild(const LaunchRequest& request, StartingChild& child, Launched& launched) {
  try {
    return networkOf(request.spec, child.pid());
  } catch (const sys::SysError& error) {
    const bool isItsOwn = error.path() == "/proc/" + std::to_string(child.pid()) + "/ns/net";
    if (isItsOwn && error.error() == ENOENT) child.collect(launched, Message::ready);
    throw;
  }
}

Launched launchChecked(const LaunchRequest& request, Steps& steps) {
  checkNamespaces(request.spec);
  checkSysctls(request.spec);
  std::optional<seccomp::Filter> filter;
  if (request.spec.linux_.seccomp) filter = seccomp::compile(*request.spec.linux_.seccomp);
  Launched launched;
  if (request.trace) launched.trace.push_back({"filter", monotonicNow()});
  StartingChild child = cloneInit(request, filter ? &*filter : nullptr);
  sys::UniqueFd network;
  if (request.connectNetwork) network = networkOfChild(request, child, launched);
  dropNetworkAhead();
  launched.onListener = [&spec = request.spec, id = request.id, bundle = request.bundle,
                         pid = child.pid()](int listener) {
    sendToAgent(listener, pid, {spec, id, "creating", pid, bundle});
  };
  steps.begin(Step::mounts);
  if (request.needsHostTrees()) HostSide(request, child).prepare();
  steps.begin(Step::hook);
  runRuntimeHooks(request, child, launched);
  steps.begin(Step::network);
  connectNetwork(request, child, network.get());
  bool waits = child.collect(launched, Message::ready);
  if (!waits && request.stopBeforeExec)
    throw LaunchError("ERR_LAUNCH_FAILED", "wait", 0, "",
                      "the container's init was killed while it was set up");
  child.releaseTo(launched);
  if (!waits) launched.sync.reset();
  return launched;
}

}  // namespace

bool LaunchRequest::needsHostTrees() const {
  if (spec.find(NamespaceKind::user)) return true;
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const Mount& mount) {
    const MountOptions options = parseMountOptions(mount.options);
    return options.idmap || !mount.idmap.uids.empty() || isHostsAlone(mount, options);
  });
}

Launched launch(const LaunchRequest& request) {
  Steps steps(false);
  try {
    return launchChecked(request, steps);
  } catch (const sys::SysError& error) {
    throw LaunchError(stepCode(steps.current()), stepName(steps.current()), error.error(), error.path(),
                      explain(error));
  } catch (const sys::Error& error) {
    throw LaunchError(error.code(), stepName(steps.current()), 0, "", error.what());
  }
}

}  // namespace strake::runtime
