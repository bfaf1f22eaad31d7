// Where a tar's bytes go.
#pragma once
#include <cstdint>
#include <span>

namespace strake::layer {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Takes all of `bytes`, which are the caller's again afterwards. May wait. Throws what the writing failed
  /// with.
  virtual void write(std::span<const uint8_t> bytes) = 0;
};

}  // namespace strake::layer
