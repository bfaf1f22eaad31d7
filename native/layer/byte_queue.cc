#include "layer/byte_queue.h"

#include <algorithm>
#include <utility>

namespace strake::layer {

namespace {

/// Pieces up to this size are worth joining: each becomes one write(2).
constexpr size_t joinedSize = 256 << 10;

}  // namespace

bool ByteQueue::offer(std::span<const uint8_t> bytes) {
  const std::lock_guard guard(mutex_);
  if (closed_) return false;
  if (pieces_.empty() || pieces_.back().size() + bytes.size() > joinedSize) {
    pieces_.emplace_back().reserve(std::max(bytes.size(), joinedSize));
  }
  pieces_.back().insert(pieces_.back().end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
  changed_.notify_all();
  return size_ < capacity_;
}

void ByteQueue::whenRoom(std::function<void()> callback) {
  {
    const std::lock_guard guard(mutex_);
    if (!closed_ && size_ >= capacity_) {
      callback_ = std::move(callback);
      return;
    }
  }
  callback();
}

void ByteQueue::close() {
  std::function<void()> callback;
  {
    const std::lock_guard guard(mutex_);
    closed_ = true;
    callback = std::exchange(callback_, nullptr);
    changed_.notify_all();
  }
  if (callback) callback();
}

std::optional<std::vector<uint8_t>> ByteQueue::pop() {
  std::optional<std::vector<uint8_t>> piece;
  std::function<void()> callback;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !pieces_.empty(); });
    if (pieces_.empty()) return std::nullopt;
    piece = std::move(pieces_.front());
    pieces_.pop_front();
    size_ -= piece->size();
    // Half empty, so that the writer is woken seldom.
    if (size_ <= capacity_ / 2) callback = std::exchange(callback_, nullptr);
    changed_.notify_all();
  }
  if (callback) callback();
  return piece;
}

}  // namespace strake::layer
