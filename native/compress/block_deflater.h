// One block of a deflate stream (RFC 1951) at a time, each by itself: what several threads make of
// consecutive blocks is one stream when it is put together and ended by `endOfStream`.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace strake::compress {

/// Bytes before a block that it may refer to.
inline constexpr size_t deflateWindow = 32 << 10;

/// A last, empty block of fixed codes.
inline constexpr std::array<uint8_t, 2> endOfStream{0x03, 0x00};

class BlockDeflater {
 public:
  virtual ~BlockDeflater() = default;
  /// Deflates `data`, which follows `window` (at most `deflateWindow` bytes, empty at the beginning), into
  /// `output`, whose contents are replaced. Ends at a byte's boundary.
  virtual void deflate(std::span<const uint8_t> window, std::span<const uint8_t> data,
                       std::vector<uint8_t>& output) = 0;
};

/// Level 1 to 9: ISA-L's up to 3 when it is built in, zlib's otherwise.
std::unique_ptr<BlockDeflater> makeBlockDeflater(int level);

std::unique_ptr<BlockDeflater> makeZlibBlockDeflater(int level);
/// Null when ISA-L is not built in. Level 1 to 3.
std::unique_ptr<BlockDeflater> makeIsalBlockDeflater(int level);

/// CRC-32 as gzip has it (RFC 1952, 8), by the fastest there is.
uint32_t crc32Of(std::span<const uint8_t> data);

}  // namespace strake::compress
