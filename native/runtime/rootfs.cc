#include "runtime/rootfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/overlay.h"
#include "sys/detached_mount.h"
#include "sys/error.h"

namespace strake::runtime {
namespace {

std::string rootDirectory(const LaunchRequest& request) {
  if (!request.rootfs.directory.empty()) return request.rootfs.directory;
  const std::string& path = request.spec.root.path;
  return path.starts_with('/') ? path : request.bundle + "/" + path;
}

/// True when the host's later mounts shall be seen inside ("slave", "shared"): for the whole root, or for a
/// bind.
bool wantsHostPropagation(const Spec& spec) {
  const std::string& root = spec.linux_.rootfsPropagation;
  if (root == "slave" || root == "shared") return true;
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const Mount& mount) {
    uint64_t propagation = parseMountOptions(mount.options).propagation;
    return propagation == MS_SLAVE || propagation == MS_SHARED;
  });
}

/// True when mounts made inside a bind shall reach the host.
bool wantsSharing(const Spec& spec) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const Mount& mount) {
    return parseMountOptions(mount.options).propagation == MS_SHARED;
  });
}

uint64_t propagationFlag(const std::string& name) {
  return name == "shared"       ? MS_SHARED
         : name == "slave"      ? MS_SLAVE
         : name == "unbindable" ? MS_UNBINDABLE
                                : MS_PRIVATE;
}

}  // namespace

// Nothing that is mounted from here on may reach the host: at least "/" itself, where the root is attached,
// is cut off.
void cutOffFromHost(const Spec& spec) {
  sys::UniqueFd root(sys::check(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  bool recursive = !wantsSharing(spec);
  uint64_t propagation = recursive && !wantsHostPropagation(spec) ? MS_PRIVATE : MS_SLAVE;
  sys::changeMount(root.get(), 0, 0, propagation, recursive, "/");
}

sys::UniqueFd mountRootfs(const LaunchRequest& request, int idmapUserns, bool mayAttach) {
  if (request.rootfs.kind == Rootfs::Kind::overlay)
    return mountOverlay(request.rootfs, idmapUserns, mayAttach);
  std::string directory = rootDirectory(request);
  const bool mapped = request.rootfs.idmap && idmapUserns >= 0;
  sys::UniqueFd tree = sys::cloneTree(AT_FDCWD, directory, !mapped);
  if (mapped) sys::idmapMount(tree.get(), idmapUserns, false, directory);
  // A bind of a shared mount would be shared, and with it all that is mounted below it.
  uint64_t propagation = wantsHostPropagation(request.spec) ? MS_SLAVE : MS_PRIVATE;
  sys::changeMount(tree.get(), 0, 0, propagation, true, directory);
  return tree;
}

void attachRootfs(int tree) {
  sys::UniqueFd place(sys::check(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  sys::attachMount(tree, place.get(), "/");
}

// pivot_root(2) allows the same directory for both: the old root is stacked over the new one and then
// detached. What it still shares with the host becomes a slave first: a detach would unmount it there, too.
void enterRoot(const Spec& spec, int root) {
  sys::UniqueFd old(sys::check(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  sys::check(fchdir(root), "chdir", "rootfs");
  sys::check(sys::pivotRoot(".", "."), "pivot_root");
  if (wantsSharing(spec)) sys::changeMount(old.get(), 0, 0, MS_SLAVE, true, "old root");
  sys::check(sys::detachMount("."), "umount", "old root");
  sys::check(chdir("/"), "chdir", "/");
  const std::string& propagation = spec.linux_.rootfsPropagation;
  if (!propagation.empty() && propagation != "private")
    sys::changeMount(root, 0, 0, propagationFlag(propagation), false, "/");
}

}  // namespace strake::runtime
