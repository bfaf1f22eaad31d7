// Where a tar's bytes come from: buffers, one after the other.
#pragma once
#include <cstdint>
#include <span>

namespace strake::layer {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// The next bytes, valid until the next call; empty at the end. May wait.
  virtual std::span<const uint8_t> next() = 0;
};

}  // namespace strake::layer
