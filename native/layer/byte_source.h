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
  /// Passes over at most `most` bytes from where next() would begin, if that is cheaper than to read them.
  /// Answers how many.
  virtual uint64_t skip(uint64_t most) {
    static_cast<void>(most);
    return 0;
  }
};

/// A source that is at its end.
class NoBytes final : public ByteSource {
 public:
  std::span<const uint8_t> next() override { return {}; }
};

}  // namespace strake::layer
