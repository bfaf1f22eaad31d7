#include "layer/growing_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer {

GrowingFile::GrowingFile(std::string path) : path_(std::move(path)) {
  const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
  file_.reset(sys::check(::open(path_.c_str(), flags, 0600), "open", path_));
  struct stat status {};
  sys::check(::fstat(file_.get(), &status), "fstat", path_);
  size_ = sizeAtOpen_ = static_cast<uint64_t>(status.st_size);
}

GrowingFile::GrowingFile(std::string path, uint64_t offset, uint64_t size)
    : path_(std::move(path)), base_(offset), sizeAtOpen_(size), size_(size), closed_(true) {
  file_.reset(sys::check(::open(path_.c_str(), O_RDONLY | O_CLOEXEC), "open", path_));
}

void GrowingFile::append(std::span<const uint8_t> bytes) {
  sys::writeAll(file_.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path_);
  const std::lock_guard guard(mutex_);
  size_ += bytes.size();
  changed_.notify_all();
}

void GrowingFile::close() {
  const std::lock_guard guard(mutex_);
  closed_ = true;
  changed_.notify_all();
}

size_t GrowingFile::read(std::span<uint8_t> buffer, uint64_t offset) {
  const uint64_t more = awaitMore(offset);
  if (more == 0) return 0;
  const size_t wanted = std::min<uint64_t>(more, buffer.size());
  for (;;) {
    const ssize_t got = ::pread(file_.get(), buffer.data(), wanted, static_cast<off_t>(base_ + offset));
    if (got < 0 && errno == EINTR) continue;
    if (sys::check(got, "pread", path_) > 0) return static_cast<size_t>(got);
    throw sys::Error("ERR_BLOB_SIZE_MISMATCH",
                     "the file " + path_ + " shrank while it was read: nobody else may write to it");
  }
}

uint64_t GrowingFile::awaitMore(uint64_t offset) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this, offset] { return stopped_ || closed_ || size_ > offset; });
  return stopped_ ? 0 : size_ - std::min(size_, offset);
}

void GrowingFile::stopReading() {
  const std::lock_guard guard(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace strake::layer
