#include "sys/detached_mount.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/error.h"

namespace strake::sys {
namespace {

constexpr int detachLazily =
    2;  // MNT_DETACH; <sys/mount.h> and <linux/mount.h> do not go together everywhere

int fsconfig(int fd, unsigned command, const char* key, const void* value, int aux) noexcept {
  return static_cast<int>(syscall(SYS_fsconfig, fd, command, key, value, aux));
}

void setAttributes(int mount, const mount_attr& attributes, bool recursive, std::string_view name) {
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check(syscall(SYS_mount_setattr, mount, "", flags, &attributes, sizeof attributes), "mount_setattr", name);
}

bool isDirectory(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

FsContext::FsContext(const std::string& type)
    : type_(type),
      fd_(static_cast<int>(check(syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC), "fsopen", type))) {}

FsContext::FsContext(int mount, const std::string& name)
    : type_(name),
      fd_(static_cast<int>(
          check(syscall(SYS_fspick, mount, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH), "fspick", name))) {}

// Reading the context gives one line of the kernel's log per read: "e overlay: …".
void FsContext::fail(std::string_view call, const std::string& detail) {
  int error = errno;
  std::string told = detail.empty() ? type_ : type_ + " " + detail;
  char line[256];
  for (ssize_t n; (n = read(fd_.get(), line, sizeof line)) > 2;)
    told.append(" (").append(line + 2, line[n - 1] == '\n' ? n - 3 : n - 2).append(")");
  throw SysError(error, call, told);
}

void FsContext::set(const std::string& key, const std::string& value) {
  if (fsconfig(fd_.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) < 0)
    fail("fsconfig", key + "=" + value);
}

bool FsContext::trySet(const std::string& key, const std::string& value) {
  if (fsconfig(fd_.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) == 0) return true;
  if (errno == EINVAL) return false;
  fail("fsconfig", key + "=" + value);
}

void FsContext::flag(const std::string& key) {
  if (fsconfig(fd_.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) < 0) fail("fsconfig", key);
}

bool FsContext::setFd(const std::string& key, int fd) {
  if (fsconfig(fd_.get(), FSCONFIG_SET_FD, key.c_str(), nullptr, fd) == 0) return true;
  if (errno == EOPNOTSUPP) textOnly_ = true;
  if (errno == EINVAL || errno == EOPNOTSUPP) return false;
  fail("fsconfig", key);
}

UniqueFd FsContext::mount(uint64_t attributes) {
  if (fsconfig(fd_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) fail("fsconfig create", "");
  int mount = static_cast<int>(syscall(SYS_fsmount, fd_.get(), FSMOUNT_CLOEXEC, attributes));
  if (mount < 0) fail("fsmount", "");
  return UniqueFd(mount);
}

void FsContext::reconfigure() {
  if (fsconfig(fd_.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) < 0) fail("fsconfig remount", "");
}

UniqueFd cloneTree(int dirfd, const std::string& path, bool recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return UniqueFd(
      static_cast<int>(check(syscall(SYS_open_tree, dirfd, path.c_str(), flags), "open_tree", path)));
}

void attachMount(int mount, int target, std::string_view name) {
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (syscall(SYS_move_mount, mount, "", target, "", flags) == 0) return;
  // A directory on a file, or a file on a directory: mount(2) says ENOTDIR, and engines explain that to
  // users.
  const int error = errno;
  const bool mismatch = error == EINVAL && isDirectory(mount) != isDirectory(target);
  throw SysError(mismatch ? ENOTDIR : error, "move_mount", name);
}

void changeMount(int mount, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive,
                 std::string_view name) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  setAttributes(mount, attributes, recursive, name);
}

void idmapMount(int mount, int userns, bool recursive, std::string_view name) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(userns);
  setAttributes(mount, attributes, recursive, name);
}

void mountAt(const char* type, const char* target, const std::string& data) {
  check(syscall(SYS_mount, type, target, type, 0UL, data.c_str()), "mount", std::string(type) + " " + data);
}

int pivotRoot(const char* newRoot, const char* putOld) noexcept {
  return static_cast<int>(syscall(SYS_pivot_root, newRoot, putOld));
}

int detachMount(const char* path) noexcept {
  return static_cast<int>(syscall(SYS_umount2, path, detachLazily));
}

}  // namespace strake::sys
