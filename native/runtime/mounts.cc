#include "runtime/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstdio>

#include "runtime/mount_sources.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

// What lxcfs and the like cover, and what cannot redirect a write of ours or of the container's security
// set-up.
constexpr const char* harmlessInProc[] = {"/proc/cpuinfo",
                                          "/proc/diskstats",
                                          "/proc/meminfo",
                                          "/proc/stat",
                                          "/proc/swaps",
                                          "/proc/uptime",
                                          "/proc/loadavg",
                                          "/proc/slabinfo",
                                          "/proc/net/dev",
                                          "/proc/sys/kernel/ns_last_pid",
                                          "/proc/sys/crypto/fips_enabled"};

bool isDirectory(int fd) {
  struct stat info;
  sys::check(fstat(fd, &info), "fstat");
  return S_ISDIR(info.st_mode);
}

bool isInProcfs(int fd) {
  struct statfs info;
  sys::check(fstatfs(fd, &info), "fstatfs");
  return info.f_type == PROC_SUPER_MAGIC;
}

bool isHarmlessInProc(const std::string& destination) {
  return std::find(std::begin(harmlessInProc), std::end(harmlessInProc), destination) !=
         std::end(harmlessInProc);
}

/// The place of a mount. A pseudo file system's own place may not be reached through a symlink of the image.
sys::UniqueFd openTarget(int root, const Mount& mount, bool directory) {
  bool pseudo = mount.type == "proc" || mount.type == "sysfs";
  uint64_t resolve = pseudo || isHarmlessInProc(mount.destination) ? RESOLVE_NO_SYMLINKS : 0;
  sys::UniqueFd target = sys::tryOpenInRoot(root, mount.destination, O_PATH, resolve);
  if (!target && errno == ELOOP && resolve)
    throw sys::Error("ERR_MOUNT_UNSAFE",
                     mount.destination + " is a symbolic link inside the root file system");
  if (!target) target = sys::makeMountPoint(root, mount.destination, directory);
  // Over /proc itself too, where what is asked for took the place of the mount of procfs.
  const bool covers = mount.destination == "/proc" && !pseudo;
  if (covers || (isInProcfs(target.get()) && !isHarmlessInProc(mount.destination)))
    throw sys::Error("ERR_MOUNT_UNSAFE",
                     "a mount at " + mount.destination + " would cover or be inside /proc");
  return target;
}

void applyOptions(int tree, const MountOptions& options, const std::string& name) {
  uint64_t propagation = options.propagationRecursive ? 0 : options.propagation;
  if (options.set | options.clear | propagation)
    sys::changeMount(tree, options.set, options.clear, propagation, false, name);
  propagation = options.propagationRecursive ? options.propagation : 0;
  if (options.setRecursively | options.clearRecursively | propagation)
    sys::changeMount(tree, options.setRecursively, options.clearRecursively, propagation, true, name);
}

/// A tree that the launcher has sent, or one that is opened here.
void makeTree(int root, const Mount& mount, const MountOptions& options, const LaunchRequest& request,
              const HostTrees& trees, size_t index) {
  auto made = trees.find(index);
  sys::UniqueFd own;
  if (made == trees.end()) own = openTree(request, mount, options, -1);
  int tree = made == trees.end() ? own.get() : made->second.get();
  sys::UniqueFd target = openTarget(root, mount, isDirectory(tree));
  if (options.copyUp && isDirectory(target.get()) && isDirectory(tree)) fillVolume(target.get(), tree);
  applyOptions(tree, options, mount.destination);
  sys::attachMount(tree, target.get(), mount.destination);
}

bool hasParameter(const MountOptions& options, std::string_view key) {
  return std::any_of(options.parameters.begin(), options.parameters.end(),
                     [&](const auto& parameter) { return parameter.first == key; });
}

/// A tmpfs without a mode of its own keeps that of the directory that it covers, as runc's does.
void keepMode(MountOptions& options, int target) {
  struct stat covered;
  if (fstat(target, &covered) < 0) return;
  char mode[8];
  std::snprintf(mode, sizeof mode, "%o", covered.st_mode & 07777);
  options.parameters.emplace_back("mode", mode);
}

/// With what the covered directory holds; its mode and owner only where the options say nothing of them.
void fill(int tmpfs, const MountOptions& options, int covered) {
  struct stat asked;
  sys::check(fstat(tmpfs, &asked), "fstat");
  copyUp(covered, tmpfs);
  const uid_t uid = hasParameter(options, "uid") ? asked.st_uid : static_cast<uid_t>(-1);
  const gid_t gid = hasParameter(options, "gid") ? asked.st_gid : static_cast<gid_t>(-1);
  sys::check(fchownat(tmpfs, "", uid, gid, AT_EMPTY_PATH), "chown", "tmpfs");
  if (hasParameter(options, "mode"))
    sys::check(fchmodat(tmpfs, ".", asked.st_mode & 07777, 0), "chmod", "tmpfs");
}

sys::UniqueFd mountOver(const Mount& mount, const MountOptions& options, int target) {
  if (mount.type.empty())
    throw sys::Error("ERR_SPEC_INVALID", "the mount at " + mount.destination + " has neither type nor bind");
  if (mount.type != "tmpfs" || hasParameter(options, "mode")) return openFileSystem(mount, options);
  MountOptions all = options;
  keepMode(all, target);
  return openFileSystem(mount, all);
}

/// A sysfs of its own needs a network namespace that the container's user namespace owns, a procfs a pid
/// namespace; the host's shows the same otherwise.
sys::UniqueFd openOrBind(const Mount& mount, const MountOptions& options, int target, const char* host) {
  try {
    return mountOver(mount, options, target);
  } catch (const sys::SysError& error) {
    if (error.error() != EPERM) throw;
  }
  sys::UniqueFd tree = sys::cloneTree(AT_FDCWD, host, true);
  sys::changeMount(tree.get(), options.set | options.setRecursively, 0, 0, true, mount.destination);
  return tree;
}

/// Where the host has what the container may see as well; nullptr: it must be the container's own.
const char* hostsOwn(const Mount& mount, const Spec& spec) {
  if (mount.type == "sysfs") return "/sys";
  return mount.type == "proc" && !spec.find(NamespaceKind::pid) ? "/proc" : nullptr;
}

void makeFileSystem(int root, const Mount& mount, const MountOptions& options, const Spec& spec) {
  sys::UniqueFd target = openTarget(root, mount, true);
  const char* host = hostsOwn(mount, spec);
  sys::UniqueFd tree =
      host ? openOrBind(mount, options, target.get(), host) : mountOver(mount, options, target.get());
  if (options.copyUp) {
    bool sealed = options.readonly();
    if (sealed) sys::changeMount(tree.get(), 0, MOUNT_ATTR_RDONLY, 0, false, mount.destination);
    if (mount.type == "tmpfs")
      fill(tree.get(), options, target.get());
    else
      fillVolume(target.get(), tree.get());
    if (sealed) sys::changeMount(tree.get(), MOUNT_ATTR_RDONLY, 0, 0, false, mount.destination);
  }
  if (options.propagation) sys::changeMount(tree.get(), 0, 0, options.propagation, false, mount.destination);
  sys::attachMount(tree.get(), target.get(), mount.destination);
}

/// What is mounted there already gets these attributes and, unless "bind" says that only the mount is meant,
/// the parameters of its file system (mount(8)).
void remount(int root, const Mount& mount, const MountOptions& options) {
  sys::UniqueFd target = sys::openInRoot(root, mount.destination, O_PATH);
  applyOptions(target.get(), options, mount.destination);
  if (options.bind || (options.parameters.empty() && options.flags.empty())) return;
  sys::FsContext fs(target.get(), mount.destination);
  setParameters(fs, options);
  fs.reconfigure();
}

}  // namespace

void makeMounts(int root, const LaunchRequest& request, const HostTrees& trees) {
  const std::vector<Mount>& mounts = request.spec.mounts;
  for (size_t index = 0; index < mounts.size(); ++index) {
    const Mount& mount = mounts[index];
    MountOptions options = parseMountOptions(mount.options);
    if (options.remount)
      remount(root, mount, options);
    else if (isBind(mount, options) || isImage(mount) || trees.contains(index))
      makeTree(root, mount, options, request, trees, index);
    else if (mount.type == "cgroup" || mount.type == "cgroup2")
      makeCgroupMount(root, mount, options, request.cgroup);
    else
      makeFileSystem(root, mount, options, request.spec);
  }
}

}  // namespace strake::runtime
