// A file as a tar's bytes, read from its start; what need not be read is passed over.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "layer/byte_source.h"
#include "sys/unique_fd.h"

namespace strake::layer {

class FileSource final : public ByteSource {
 public:
  /// Reads `pieceSize` bytes at once, from `offset` on and `size` at most. Throws SysError.
  explicit FileSource(std::string path, size_t pieceSize = 256 << 10, uint64_t offset = 0,
                      uint64_t size = std::numeric_limits<int64_t>::max());

  /// Throws SysError.
  std::span<const uint8_t> next() override;
  uint64_t skip(uint64_t most) override;

 private:
  std::string path_;
  sys::UniqueFd file_;
  std::vector<uint8_t> piece_;
  /// Where in the file the next piece begins, and where the last one ends.
  uint64_t at_ = 0;
  uint64_t end_ = 0;
};

}  // namespace strake::layer
