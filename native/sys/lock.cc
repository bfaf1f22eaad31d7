#include "sys/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "sys/error.h"

namespace strake::sys {

namespace {

UniqueFd openLock(const std::string& path) {
  const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  return UniqueFd(check(::open(path.c_str(), flags, 0600), "open", path));
}

bool hasName(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  check(::fstat(fd, &opened), "fstat", path);
  if (::lstat(path.c_str(), &named) < 0) {
    if (errno == ENOENT) return false;
    throwErrno("lstat", path);
  }
  return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/// false: EWOULDBLOCK.
bool flockFile(int fd, int operation, const std::string& path) {
  while (::flock(fd, operation) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throwErrno("flock", path);
  }
  return true;
}

std::optional<FileLock> lockNamed(const std::string& path, int operation) {
  for (;;) {
    UniqueFd fd = openLock(path);
    if (!flockFile(fd.get(), operation, path)) return std::nullopt;
    if (hasName(fd.get(), path)) return FileLock(std::move(fd));
  }
}

int operationOf(LockMode mode) {
  return mode == LockMode::shared ? LOCK_SH : LOCK_EX;
}

}  // namespace

FileLock lockFile(const std::string& path, LockMode mode) {
  return *lockNamed(path, operationOf(mode));
}

std::optional<FileLock> tryLockFile(const std::string& path, LockMode mode) {
  return lockNamed(path, operationOf(mode) | LOCK_NB);
}

bool isLocked(const std::string& path) {
  for (;;) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd && (errno == ENOENT || errno == ENOTDIR)) return false;
    if (!flockFile(check(fd.get(), "open", path), LOCK_SH | LOCK_NB, path)) return true;
    if (hasName(fd.get(), path)) return false;
  }
}

}  // namespace strake::sys
