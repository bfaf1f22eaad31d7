#include <zlib.h>

#include <algorithm>
#include <new>

#include "compress/block_deflater.h"

namespace strake::compress {

namespace {

constexpr int rawDeflate = -MAX_WBITS;
constexpr int memoryLevel = 8;
constexpr size_t moreOutput = 64 << 10;
/// What a sync flush adds, with room to tell that nothing is left.
constexpr size_t flushRoom = 64;

class ZlibBlockDeflater final : public BlockDeflater {
 public:
  explicit ZlibBlockDeflater(int level) {
    if (::deflateInit2(&stream_, level, Z_DEFLATED, rawDeflate, memoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~ZlibBlockDeflater() override { ::deflateEnd(&stream_); }
  ZlibBlockDeflater(const ZlibBlockDeflater&) = delete;
  ZlibBlockDeflater& operator=(const ZlibBlockDeflater&) = delete;

  void deflate(std::span<const uint8_t> window, std::span<const uint8_t> data,
               std::vector<uint8_t>& output) override {
    ::deflateReset(&stream_);
    if (!window.empty()) ::deflateSetDictionary(&stream_, window.data(), static_cast<uInt>(window.size()));
    stream_.next_in = const_cast<uint8_t*>(data.data());
    stream_.avail_in = static_cast<uInt>(data.size());
    output.resize(::deflateBound(&stream_, data.size()) + flushRoom);
    size_t size = 0;
    for (;;) {
      stream_.next_out = output.data() + size;
      stream_.avail_out = static_cast<uInt>(output.size() - size);
      ::deflate(&stream_, Z_SYNC_FLUSH);
      size = output.size() - stream_.avail_out;
      if (stream_.avail_out > 0) break;
      output.resize(output.size() + moreOutput);
    }
    output.resize(size);
  }

 private:
  z_stream stream_ = {};
};

}  // namespace

std::unique_ptr<BlockDeflater> makeZlibBlockDeflater(int level) {
  return std::make_unique<ZlibBlockDeflater>(level);
}

}  // namespace strake::compress
