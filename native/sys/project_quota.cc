#include "sys/project_quota.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::sys {

namespace {

constexpr uint64_t quotaBlock = 1024;  // QIF_DQBLKSIZE
constexpr int mostAttempts = 16;

int quotaCall(int fd, unsigned command, uint32_t project, if_dqblk& limits) noexcept {
  return static_cast<int>(
      ::syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), static_cast<int>(project), &limits));
}

UniqueFd openDirectory(const std::string& path) {
  return UniqueFd(check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", path));
}

std::string fileSystemName(int fd) {
  struct statfs status {};
  if (::fstatfs(fd, &status) < 0) return "its file system";
  switch (status.f_type) {
    case 0xEF53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x01021994:
      return "tmpfs";
    case 0x9123683E:
      return "btrfs";
    case 0x794C7630:
      return "overlayfs";
    default:
      return "its file system";
  }
}

[[noreturn]] void throwUnsupported(int fd, const char* call, int error) {
  throw Error(
      "ERR_STORAGE_SIZE_UNSUPPORTED",
      "the size of a writable layer cannot be limited: " + fileSystemName(fd) +
          " keeps no project quotas there (" + call + ": " + std::strerror(error) +
          "); put the root on xfs mounted with prjquota, or on ext4 made with `tune2fs -O project,quota -Q "
          "prjquota DEVICE` and mounted with prjquota, or leave the size out");
}

/// Whether nobody has it: neither limits nor files.
bool isFree(int fd, uint32_t project) {
  if_dqblk now{};
  if (quotaCall(fd, Q_GETQUOTA, project, now) == 0)
    return now.dqb_curinodes == 0 && now.dqb_curspace == 0 && now.dqb_bhardlimit == 0;
  // xfs: no such project (ENOENT); ESRCH is what a file system without quotas says, and what an unknown one
  // is.
  if (errno == ENOENT) return true;
  throwUnsupported(fd, "quotactl_fd", errno);
}

uint32_t freeProject(int fd, const std::string& path) {
  for (int attempt = 0; attempt < mostAttempts; ++attempt) {
    uint32_t project = 0;
    check(::getrandom(&project, sizeof project, 0), "getrandom");
    project = (project & 0x7fffffff) | 0x10000;  // past what administrators number by hand in /etc/projid
    if (isFree(fd, project)) return project;
  }
  throw SysError(EBUSY, "quotactl_fd", path);
}

void setLimit(int fd, uint32_t project, uint64_t bytes) {
  if_dqblk limits{};
  limits.dqb_bhardlimit = limits.dqb_bsoftlimit = (bytes + quotaBlock - 1) / quotaBlock;
  limits.dqb_valid = QIF_BLIMITS;
  if (quotaCall(fd, Q_SETQUOTA, project, limits) < 0) throwUnsupported(fd, "quotactl_fd", errno);
}

void join(int fd, uint32_t project) {
  fsxattr attributes{};
  if (::ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) throwUnsupported(fd, "FS_IOC_FSGETXATTR", errno);
  attributes.fsx_projid = project;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  if (::ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0) throwUnsupported(fd, "FS_IOC_FSSETXATTR", errno);
}

}  // namespace

void limitSize(const std::vector<std::string>& directories, uint64_t bytes) {
  const UniqueFd first = openDirectory(directories.at(0));
  const uint32_t project = freeProject(first.get(), directories[0]);
  setLimit(first.get(), project, bytes);
  for (const std::string& path : directories) join(openDirectory(path).get(), project);
}

void forgetLimit(const std::string& directory) noexcept {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  fsxattr attributes{};
  if (!fd || ::ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) < 0 || attributes.fsx_projid == 0) return;
  if_dqblk none{};
  none.dqb_valid = QIF_BLIMITS;
  static_cast<void>(quotaCall(fd.get(), Q_SETQUOTA, attributes.fsx_projid, none));
}

}  // namespace strake::sys
