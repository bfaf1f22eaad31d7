#pragma once
#include <fcntl.h>
#include <sys/stat.h>

namespace strake::layer {

/// Restores a directory's mtime at the end: names that move in or out of it are no change that the image
/// made.
class KeepTimes {
 public:
  explicit KeepTimes(int directory) : directory_(directory) {
    known_ = ::fstatat(directory, ".", &status_, 0) == 0;
  }
  KeepTimes(const KeepTimes&) = delete;
  KeepTimes& operator=(const KeepTimes&) = delete;
  ~KeepTimes() {
    const timespec times[2] = {status_.st_mtim, status_.st_mtim};
    if (known_) ::utimensat(directory_, ".", times, 0);
  }

 private:
  int directory_;
  bool known_ = false;
  struct stat status_ = {};
};

}  // namespace strake::layer
