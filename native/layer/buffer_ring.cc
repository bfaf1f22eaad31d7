#include "layer/buffer_ring.h"

namespace strake::layer {

BufferRing::BufferRing(size_t buffers, size_t bufferSize) : buffers_(buffers), bufferSize_(bufferSize) {
  for (Buffer& buffer : buffers_) buffer.bytes = std::make_unique_for_overwrite<uint8_t[]>(bufferSize);
}

std::span<uint8_t> BufferRing::acquire() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return cancelled_ || written_ - returned_ < buffers_.size(); });
  if (cancelled_) throw Cancelled();
  return {buffers_[written_ % buffers_.size()].bytes.get(), bufferSize_};
}

void BufferRing::commit(size_t size) {
  const std::lock_guard guard(mutex_);
  buffers_[written_++ % buffers_.size()].size = size;
  changed_.notify_all();
}

void BufferRing::close() {
  const std::lock_guard guard(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::span<const uint8_t> BufferRing::next() {
  std::unique_lock lock(mutex_);
  if (reading_) {
    ++returned_;
    reading_ = false;
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return cancelled_ || closed_ || returned_ < written_; });
  if (cancelled_) throw Cancelled();
  if (returned_ == written_) return {};
  reading_ = true;
  const Buffer& buffer = buffers_[returned_ % buffers_.size()];
  return {buffer.bytes.get(), buffer.size};
}

void BufferRing::cancel() {
  const std::lock_guard guard(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

}  // namespace strake::layer
