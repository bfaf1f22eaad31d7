// Bytes from one thread to another, bounded, in pieces of any size.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace strake::layer {

class ByteQueue {
 public:
  explicit ByteQueue(size_t capacity) : capacity_(capacity) {}

  /// Copies without waiting, past the capacity if need be; true while there is room for more. Small pieces
  /// that have not been taken yet are joined. After close() the bytes are dropped.
  bool offer(std::span<const uint8_t> bytes);
  /// Calls `callback` once, from any thread, when there is room or no more is taken in; at once if it is so.
  void whenRoom(std::function<void()> callback);
  /// Takes in no more. What is in can still be taken out.
  void close();
  /// Waits; nothing: closed and used up.
  std::optional<std::vector<uint8_t>> pop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<uint8_t>> pieces_;
  std::function<void()> callback_;
  size_t capacity_;
  size_t size_ = 0;
  bool closed_ = false;
};

}  // namespace strake::layer
