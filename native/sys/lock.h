// flock(2) on a named file. The kernel drops the lock when its holder dies, so nothing is ever left locked.
#pragma once
#include <optional>
#include <string>

#include "sys/unique_fd.h"

namespace strake::sys {

enum class LockMode { shared, exclusive };

/// A lock that is held until release() or destruction.
class FileLock {
 public:
  explicit FileLock(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  /// Idempotent.
  void release() noexcept { fd_.reset(); }
  /// For a forked child to close: the lock is held as long as any copy of this descriptor is open.
  int descriptor() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
};

/// Waits as long as it takes. The file is created 0600 when absent. Whoever holds the lock may unlink the
/// file: a waiter then takes the lock of the file that has the name afterwards, never that of a file without
/// a name. Throws SysError.
FileLock lockFile(const std::string& path, LockMode mode);

/// The same without waiting: nothing when somebody else holds it.
std::optional<FileLock> tryLockFile(const std::string& path, LockMode mode);

/// Whether somebody holds it exclusively now. A file that does not exist is held by nobody, and is not made.
/// Throws SysError.
bool isLocked(const std::string& path);

}  // namespace strake::sys
