// Bytes from one thread to another through a few large buffers that are used again and again, so that none is
// copied and no page is faulted in twice.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "layer/byte_source.h"

namespace strake::layer {

/// Thrown into the thread that reads a ring which was cancelled: somebody else has failed, and said why.
struct Cancelled {};

class BufferRing final : public ByteSource {
 public:
  BufferRing(size_t buffers, size_t bufferSize);

  /// Writer: waits for a free buffer. Throws Cancelled.
  std::span<uint8_t> acquire();
  /// Writer: hands on the first `size` bytes (> 0) of the acquired buffer.
  void commit(size_t size);
  /// Writer: no more is to come.
  void close();

  /// Reader: gives the last buffer back and waits for the next; empty at the end. Throws Cancelled.
  std::span<const uint8_t> next() override;

  /// Ends it for both sides.
  void cancel();

 private:
  struct Buffer {
    std::unique_ptr<uint8_t[]> bytes;
    size_t size = 0;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Buffer> buffers_;
  size_t bufferSize_;
  /// Counts of buffers ever written and ever given back.
  uint64_t written_ = 0;
  uint64_t returned_ = 0;
  bool reading_ = false;
  bool closed_ = false;
  bool cancelled_ = false;
};

}  // namespace strake::layer
