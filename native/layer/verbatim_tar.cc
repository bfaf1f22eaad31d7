#include "layer/verbatim_tar.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

/// So much is written before the disk is set to work on it: the sync at the end then finds little left.
constexpr uint64_t flushSize = 8 << 20;

}  // namespace

VerbatimTar::VerbatimTar(ByteSource& source, std::string path) : source_(source), path_(std::move(path)) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  file_.reset(sys::check(::open(path_.c_str(), flags, 0600), "open", path_));
}

std::span<const uint8_t> VerbatimTar::next() {
  const auto piece = source_.next();
  sys::writeAll(file_.get(), {reinterpret_cast<const char*>(piece.data()), piece.size()}, path_);
  size_ += piece.size();
  if (size_ - flushed_ >= flushSize) {
    // Advice: what it cannot do, sync() does.
    ::sync_file_range(file_.get(), static_cast<off_t>(flushed_), static_cast<off_t>(size_ - flushed_),
                      SYNC_FILE_RANGE_WRITE);
    flushed_ = size_;
  }
  return piece;
}

void VerbatimTar::sync() {
  sys::check(::fdatasync(file_.get()), "fdatasync", path_);
}

}  // namespace strake::layer
