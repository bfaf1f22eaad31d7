#include "layer/fd_sink.h"

#include <utility>

#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr size_t pieceSize = 256 << 10;

std::string_view textOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

FdSink::FdSink(sys::UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {
  gathered_.reserve(pieceSize);
}

void FdSink::write(std::span<const uint8_t> bytes) {
  if (gathered_.size() + bytes.size() > pieceSize) flush();
  if (bytes.size() >= pieceSize) return sys::writeAll(fd_.get(), textOf(bytes), name_);
  gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
}

void FdSink::finish() {
  flush();
  fd_.reset();
}

void FdSink::flush() {
  sys::writeAll(fd_.get(), textOf(gathered_), name_);
  gathered_.clear();
}

}  // namespace strake::layer
