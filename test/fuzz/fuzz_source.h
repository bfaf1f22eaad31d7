// A fuzzer's input as a tar: an odd first byte says that checksums are to be right, so that the fuzzer gets
// past them.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

#include "layer/block_reader.h"
#include "layer/byte_source.h"

namespace strake::fuzz {

class Source final : public layer::ByteSource {
 public:
  Source(const uint8_t* data, size_t size) : bytes_(data + 2, data + size), piece_(data[1] * 8u + 1) {
    if (data[0] % 2 == 1) repair();
  }
  std::span<const uint8_t> next() override {
    const size_t size = std::min(piece_, bytes_.size() - at_);
    at_ += size;
    return {bytes_.data() + at_ - size, size};
  }

  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  /// Seals every block that looks like a header.
  void repair() {
    for (size_t at = 0; at + layer::blockSize <= bytes_.size(); at += layer::blockSize) {
      uint8_t* block = bytes_.data() + at;
      if (std::memcmp(block + 257, "ustar", 5) != 0) continue;
      std::memset(block + 148, ' ', 8);
      unsigned sum = 0;
      for (size_t i = 0; i < layer::blockSize; ++i) sum += block[i];
      char text[8];
      std::snprintf(text, sizeof text, "%06o", sum);
      std::memcpy(block + 148, text, 7);
    }
  }

  std::vector<uint8_t> bytes_;
  size_t piece_;
  size_t at_ = 0;
};

}  // namespace strake::fuzz
