#include "layer/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "sys/error.h"

namespace strake::layer {

FileSource::FileSource(std::string path, size_t pieceSize, uint64_t offset, uint64_t size)
    : path_(std::move(path)), piece_(pieceSize), at_(offset) {
  file_.reset(sys::check(::open(path_.c_str(), O_RDONLY | O_CLOEXEC), "open", path_));
  struct stat status {};
  sys::check(::fstat(file_.get(), &status), "fstat", path_);
  const uint64_t all = static_cast<uint64_t>(status.st_size);
  end_ = all - std::min(all, offset) < size ? all : offset + size;
}

std::span<const uint8_t> FileSource::next() {
  for (;;) {
    const size_t wanted = std::min<uint64_t>(piece_.size(), end_ - std::min(end_, at_));
    const ssize_t got = ::pread(file_.get(), piece_.data(), wanted, static_cast<off_t>(at_));
    if (got < 0 && errno == EINTR) continue;
    const size_t size = static_cast<size_t>(sys::check(got, "pread", path_));
    at_ += size;
    return {piece_.data(), size};
  }
}

uint64_t FileSource::skip(uint64_t most) {
  const uint64_t passed = std::min(most, end_ - std::min(end_, at_));
  at_ += passed;
  return passed;
}

}  // namespace strake::layer
