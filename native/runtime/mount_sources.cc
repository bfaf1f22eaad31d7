#include "runtime/mount_sources.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "runtime/namespaces.h"
#include "runtime/overlay.h"
#include "runtime/rootfs.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

/// Linux 6.18: `git grep FS_USERNS_MOUNT fs kernel ipc mm`, as far as containers mount them.
constexpr std::string_view inUserNamespaces[] = {"proc",    "sysfs",  "tmpfs",      "ramfs",
                                                 "devpts",  "mqueue", "cgroup",     "cgroup2",
                                                 "overlay", "fuse",   "binfmt_misc"};

std::string sourceOf(const LaunchRequest& request, const Mount& mount) {
  return mount.source.starts_with('/') ? mount.source : request.bundle + "/" + mount.source;
}

[[noreturn]] void throwNotFound(const Mount& mount, const std::string& source) {
  throw sys::Error("ERR_MOUNT_SOURCE_NOT_FOUND",
                   "the source of the mount at " + mount.destination + " does not exist: " + source);
}

sys::UniqueFd openSubpath(int top, const Mount& mount, const std::string& subpath) {
  sys::UniqueFd found = sys::tryOpenBeneath(top, subpath, O_PATH);
  if (found) return found;
  const int error = errno;
  if (error == ENOENT || error == ENOTDIR) throwNotFound(mount, subpath + " in " + mount.source);
  if (error != EXDEV && error != ELOOP) throw sys::SysError(error, "open", subpath);
  throw sys::Error("ERR_MOUNT_UNSAFE", "the subpath " + subpath + " of the mount at " + mount.destination +
                                           " leads out of " + mount.source);
}

sys::UniqueFd cloneSource(const LaunchRequest& request, const Mount& mount, const MountOptions& options,
                          bool recursive) {
  const std::string source = sourceOf(request, mount);
  if (options.subpath.empty()) return sys::cloneTree(AT_FDCWD, source, recursive);
  const sys::UniqueFd top(sys::check(open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", source));
  return sys::cloneTree(openSubpath(top.get(), mount, options.subpath).get(), "", recursive);
}

sys::UniqueFd openBind(const LaunchRequest& request, const Mount& mount, const MountOptions& options) {
  try {
    return cloneSource(request, mount, options, options.recursive);
  } catch (const sys::SysError& error) {
    // What another user namespace has mounted below must not be uncovered: all of it, or nothing.
    if (error.error() == EINVAL && !options.recursive) return cloneSource(request, mount, options, true);
    if (error.error() != ENOENT) throw;
    throwNotFound(mount, sourceOf(request, mount));
  }
}

/// Before Linux 6.15 a part of a mount can only be had while that is attached somewhere.
sys::UniqueFd partOf(sys::UniqueFd image, const Mount& mount, const std::string& subpath) {
  try {
    return sys::cloneTree(openSubpath(image.get(), mount, subpath).get(), "", false);
  } catch (const sys::SysError& error) {
    if (error.error() != EINVAL) throw;
  }
  const PrivateMounts own;
  attachRootfs(image.get());
  return sys::cloneTree(openSubpath(image.get(), mount, subpath).get(), "", false);
}

sys::UniqueFd openImage(const LaunchRequest& request, const Mount& mount, const MountOptions& options,
                        int idmapUserns) {
  const auto layers = request.images.find(mount.destination);
  if (layers == request.images.end())
    throw sys::Error("ERR_SPEC_INVALID", mount.destination + ": the layers of an image mount are missing");
  sys::UniqueFd tree = mountOverlay(layers->second, idmapUserns, false);
  return options.subpath.empty() ? std::move(tree) : partOf(std::move(tree), mount, options.subpath);
}

}  // namespace

bool isBind(const Mount& mount, const MountOptions& options) {
  return !options.remount && (options.bind || mount.type == "bind");
}

bool isImage(const Mount& mount) {
  return mount.type == "image";
}

bool isHostsAlone(const Mount& mount, const MountOptions& options) {
  return !options.remount && !isBind(mount, options) && !isImage(mount) && !mount.type.empty() &&
         std::find(std::begin(inUserNamespaces), std::end(inUserNamespaces), mount.type) ==
             std::end(inUserNamespaces);
}

sys::UniqueFd openTree(const LaunchRequest& request, const Mount& mount, const MountOptions& options,
                       int idmapUserns) {
  if (const auto shared = request.sharedTrees.find(mount.destination); shared != request.sharedTrees.end())
    return sys::UniqueFd(sys::check(fcntl(shared->second, F_DUPFD_CLOEXEC, 0), "dup", mount.destination));
  return isImage(mount) ? openImage(request, mount, options, idmapUserns) : openBind(request, mount, options);
}

void setParameters(sys::FsContext& fs, const MountOptions& options) {
  for (const auto& [key, value] : options.parameters) fs.set(key, value);
  for (const std::string& flag : options.flags) fs.flag(flag);
}

sys::UniqueFd openFileSystem(const Mount& mount, const MountOptions& options) {
  sys::FsContext fs(mount.type);
  if (!mount.source.empty()) fs.set("source", mount.source);
  setParameters(fs, options);
  return fs.mount(options.set | options.setRecursively);
}

void mapIds(int tree, int userns, bool recursive, const Mount& mount) {
  try {
    sys::idmapMount(tree, userns, recursive, mount.destination);
  } catch (const sys::SysError& error) {
    if (error.error() != EINVAL) throw;
    throw sys::Error(
        "ERR_IDMAP_UNSUPPORTED",
        "the mount at " + mount.destination + " cannot have its ids mapped: the file system of " +
            mount.source +
            " takes no id-mapped mounts (ext4, xfs, btrfs and, since Linux 6.3, tmpfs do); leave "
            "out idmap, or keep the files on one of those");
  }
}

}  // namespace strake::runtime
