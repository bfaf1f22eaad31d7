#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/mounts.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

/// "cpu,cpuacct" is one hierarchy under two names more.
void linkControllers(int tmpfs, const std::string& hierarchy) {
  if (hierarchy.find(',') == std::string::npos) return;
  for (size_t start = 0; start <= hierarchy.size();) {
    size_t comma = std::min(hierarchy.find(',', start), hierarchy.size());
    std::string name = hierarchy.substr(start, comma - start);
    if (symlinkat(hierarchy.c_str(), tmpfs, name.c_str()) < 0 && errno != EEXIST)
      sys::throwErrno("symlink", name);
    start = comma + 1;
  }
}

void bindHierarchy(int tmpfs, const cgroup::Directory& directory) {
  const char* name = directory.controllers.c_str();
  sys::check(mkdirat(tmpfs, name, 0755), "mkdir", name);
  sys::UniqueFd tree = sys::cloneTree(AT_FDCWD, directory.path, false);
  sys::UniqueFd place(sys::check(openat(tmpfs, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), "open", name));
  sys::attachMount(tree.get(), place.get(), directory.path);
  linkControllers(tmpfs, directory.controllers);
}

sys::UniqueFd attachAt(int root, const Mount& mount, sys::UniqueFd tree) {
  sys::UniqueFd target = sys::makeMountPoint(root, mount.destination, true);
  sys::attachMount(tree.get(), target.get(), mount.destination);
  return tree;
}

sys::UniqueFd mountHierarchies(int root, const Mount& mount,
                               const std::vector<cgroup::Directory>& directories) {
  sys::FsContext fs("tmpfs");
  fs.set("source", "cgroup");
  fs.set("mode", "755");
  sys::UniqueFd tmpfs = attachAt(root, mount, fs.mount(0));
  for (const cgroup::Directory& directory : directories) bindHierarchy(tmpfs.get(), directory);
  // Where systemd has a hierarchy, engines bind it for a systemd in the container: podman run --systemd.
  if (access("/sys/fs/cgroup/systemd", F_OK) == 0 && mkdirat(tmpfs.get(), "systemd", 0755) < 0)
    sys::throwErrno("mkdir", "/sys/fs/cgroup/systemd");
  return tmpfs;
}

}  // namespace

void makeCgroupMount(int root, const Mount& mount, const MountOptions& options, cgroup::Cgroup* cgroup) {
  std::vector<cgroup::Directory> directories;
  if (cgroup) directories = cgroup->directories();
  bool single = directories.size() == 1 && directories[0].controllers.empty();
  sys::UniqueFd made;
  if (directories.empty())  // the container shares the caller's cgroup: it sees what the caller sees
    made = attachAt(root, mount, sys::cloneTree(AT_FDCWD, "/sys/fs/cgroup", true));
  else if (single)
    made = attachAt(root, mount, sys::cloneTree(AT_FDCWD, directories[0].path, false));
  else
    made = mountHierarchies(root, mount, directories);
  // One call for the tmpfs and every hierarchy below it.
  uint64_t attributes =
      options.set | options.setRecursively | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  sys::changeMount(made.get(), attributes, 0, options.propagation, true, mount.destination);
}

}  // namespace strake::runtime
