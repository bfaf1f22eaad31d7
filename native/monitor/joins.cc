#include "monitor/joins.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/vfs.h>

#include <algorithm>

#include "monitor/running.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"
#include "sys/mount_namespace.h"
#include "sys/process.h"

namespace strake::monitor {

namespace {

using runtime::NamespaceKind;

constexpr const char* sharedMemory = "/dev/shm";

const char* fileOf(NamespaceKind kind) {
  if (kind == NamespaceKind::network) return "net";
  if (kind == NamespaceKind::user) return "user";
  return kind == NamespaceKind::pid ? "pid" : "ipc";
}

sys::UniqueFd openNamespace(const Running& running, NamespaceKind kind) {
  const State& state = running.state;
  const std::string path = "/proc/" + std::to_string(state.pid) + "/ns/" + fileOf(kind);
  sys::UniqueFd ns(sys::check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  if (sys::processStartTime(state.pid) == state.pidStart) return ns;  // it was not another process's
  throw sys::Error("ERR_CONTAINER_STATE", "the container whose namespace is to be shared has just ended");
}

void share(runtime::Spec& spec, NamespaceKind kind, sys::UniqueFd ns, Joined& joined) {
  const auto found = std::ranges::find(spec.linux_.namespaces, kind, &runtime::Namespace::kind);
  if (found == spec.linux_.namespaces.end()) return;
  found->path = "/proc/self/fd/" + std::to_string(ns.get());
  joined.namespaces.push_back(std::move(ns));
}

/// Only where a tmpfs is mounted: what else the other container put there is not for others to have.
sys::UniqueFd cloneSharedMemory() {
  const sys::UniqueFd root(sys::check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  const sys::UniqueFd place =
      sys::openInRoot(root.get(), sharedMemory, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
  struct statfs info {};
  sys::check(::fstatfs(place.get(), &info), "fstatfs", sharedMemory);
  if (info.f_type == TMPFS_MAGIC) return sys::cloneTree(place.get(), "", false);
  throw sys::Error("ERR_CONTAINER_STATE",
                   "the container whose IPC namespace is to be shared has no shared memory at /dev/shm");
}

bool bindsSharedMemory(const runtime::Spec& spec) {
  return std::ranges::any_of(spec.mounts, [](const runtime::Mount& mount) {
    return mount.destination == sharedMemory && mount.source.starts_with("/proc/");
  });
}

void joinOne(runtime::Spec& spec, const Join& join, Joined& joined) {
  const Running running = findRunning(join.runDirectory);
  share(spec, join.kind, openNamespace(running, join.kind), joined);
  sys::UniqueFd user = join.user ? openNamespace(running, NamespaceKind::user) : sys::UniqueFd();
  if (join.kind == NamespaceKind::ipc && bindsSharedMemory(spec))
    joined.trees[sharedMemory] =
        sys::inMountNamespaceOf(running.pidfd.get(), user.get(), [] { return cloneSharedMemory(); });
  if (user) share(spec, NamespaceKind::user, std::move(user), joined);
}

}  // namespace

std::map<std::string, int> Joined::borrowTrees() const {
  std::map<std::string, int> borrowed;
  for (const auto& [destination, tree] : trees) borrowed[destination] = tree.get();
  return borrowed;
}

Joined join(runtime::Spec& spec, const std::vector<Join>& joins) {
  Joined joined;
  for (const Join& one : joins) joinOne(spec, one, joined);
  return joined;
}

}  // namespace strake::monitor
