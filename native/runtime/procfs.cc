#include "runtime/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "sys/detached_mount.h"

namespace strake::runtime {
namespace {

bool isProcfsRoot(int fd) {
  struct statfs info;
  return fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

sys::UniqueFd ownProcfs() {
  sys::FsContext proc("proc");
  return proc.mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

}  // namespace

Procfs::Procfs(const char* needed) : root_(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!root_ || !isProcfsRoot(root_.get()) || !open(needed, O_PATH)) root_ = ownProcfs();
}

// procfs holds no symlinks that others made ("self" is its own), so links may be followed; mounts over it may
// not.
sys::UniqueFd Procfs::open(const std::string& path, int flags) const noexcept {
  open_how how{};
  // openat2(2) refuses any other flag beside O_PATH.
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return sys::UniqueFd(static_cast<int>(syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
}

int Procfs::write(const std::string& path, const std::string& value) const noexcept {
  sys::UniqueFd file = open(path, O_WRONLY);
  if (!file) return errno;
  ssize_t n = ::write(file.get(), value.data(), value.size());
  return n == static_cast<ssize_t>(value.size()) ? 0 : n < 0 ? errno : EIO;
}

}  // namespace strake::runtime
