#include "runtime/devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/mount_options.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

const Device defaults[] = {{"/dev/null", 'c', 1, 3},   {"/dev/zero", 'c', 1, 5},    {"/dev/full", 'c', 1, 7},
                           {"/dev/random", 'c', 1, 8}, {"/dev/urandom", 'c', 1, 9}, {"/dev/tty", 'c', 5, 0}};

constexpr std::pair<const char*, const char*> links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"}};

mode_t fileType(char type) {
  return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

bool isSameNode(const struct stat& info, const Device& device) {
  if ((info.st_mode & S_IFMT) != fileType(device.type)) return false;
  return device.type == 'p' || info.st_rdev == makedev(device.major, device.minor);
}

/// The host's node of the same name, bound over an empty file: for user namespaces, where mknod is never
/// allowed.
void bindFromHost(int root, const Device& device) {
  struct stat info;
  sys::UniqueFd host(
      sys::check(open(device.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC), "open", device.path));
  sys::check(fstat(host.get(), &info), "fstat", device.path);
  if (!isSameNode(info, device))
    throw sys::Error("ERR_DEVICE_INVALID",
                     device.path + " may not be made here, and the host's is another device");
  sys::UniqueFd tree = sys::cloneTree(host.get(), "", false);
  sys::UniqueFd target = sys::makeMountPoint(root, device.path, false);
  sys::attachMount(tree.get(), target.get(), device.path);
}

void keepExisting(int parent, const std::string& name, const Device& device) {
  struct stat info;
  sys::check(fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW), "stat", device.path);
  if (!isSameNode(info, device))
    throw sys::Error("ERR_DEVICE_INVALID",
                     device.path + " exists in the root file system and is something else");
}

void makeNode(int root, int dev, const Device& device) {
  auto [parentPath, name] = sys::splitPath(device.path);
  sys::UniqueFd own;
  if (parentPath != "/dev") own = sys::makeDirectoriesInRoot(root, parentPath, 0755);
  int parent = own ? own.get() : dev;
  dev_t number = device.type == 'p' ? 0 : makedev(device.major, device.minor);
  if (mknodat(parent, name.c_str(), fileType(device.type) | device.mode, number) < 0) {
    if (errno == EPERM) return bindFromHost(root, device);
    if (errno != EEXIST) sys::throwErrno("mknod", device.path);
    keepExisting(parent, name, device);
  }
  if (device.uid || device.gid)
    sys::check(fchownat(parent, name.c_str(), device.uid, device.gid, AT_SYMLINK_NOFOLLOW), "chown",
               device.path);
}

bool devIsSomebodyElses(const Spec& spec) {
  for (const Mount& mount : spec.mounts)
    if (mount.destination == "/dev" || mount.destination == "/dev/")
      return mount.type == "bind" || parseMountOptions(mount.options).bind;
  return false;
}

bool isAskedFor(const Spec& spec, const Device& device) {
  return std::any_of(spec.linux_.devices.begin(), spec.linux_.devices.end(),
                     [&](const Device& asked) { return asked.path == device.path; });
}

}  // namespace

void makeDevices(int root, const Spec& spec) {
  if (devIsSomebodyElses(spec)) return;
  sys::UniqueFd dev = sys::makeDirectoriesInRoot(root, "/dev", 0755);
  for (const Device& device : defaults)
    if (!isAskedFor(spec, device)) makeNode(root, dev.get(), device);
  for (const Device& device : spec.linux_.devices) makeNode(root, dev.get(), device);
  for (const auto& [name, target] : links)
    if (symlinkat(target, dev.get(), name) < 0 && errno != EEXIST) sys::throwErrno("symlink", name);
}

int openHostDevice(const char* path, unsigned major, unsigned minor) {
  sys::UniqueFd fd(sys::check(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), "open", path));
  struct stat info;
  sys::check(fstat(fd.get(), &info), "fstat", path);
  if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(major, minor))
    throw sys::Error("ERR_DEVICE_INVALID",
                     std::string(path) + " of the host is not the device that it should be");
  return fd.release();
}

}  // namespace strake::runtime
