// A ByteSource cut into tar's blocks, without copying what need not be.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "layer/byte_source.h"

namespace strake::layer {

inline constexpr size_t blockSize = 512;

using Block = std::array<char, blockSize>;

class BlockReader {
 public:
  explicit BlockReader(ByteSource& source) : source_(source) {}

  /// The next block; null at the end of the input. Valid until the next call. Throws ERR_LAYER_CORRUPT when
  /// it is cut.
  const Block* block();
  /// At least one and at most `most` (> 0) bytes, without copying. Throws ERR_LAYER_CORRUPT at the end of the
  /// input.
  std::span<const uint8_t> some(uint64_t most);
  /// Exactly `size` bytes into a string (callers bound it).
  std::string text(uint64_t size);
  void skip(uint64_t size);
  /// Bytes taken so far.
  uint64_t position() const { return position_; }
  /// Reads to the end of the input.
  void drain();

 private:
  bool fill();

  ByteSource& source_;
  std::span<const uint8_t> rest_;
  uint64_t position_ = 0;
  Block straddling_;
};

}  // namespace strake::layer
