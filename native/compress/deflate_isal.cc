#include <zlib.h>

#include <algorithm>
#include <stdexcept>

#include "compress/block_deflater.h"

#ifdef STRAKE_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#endif

namespace strake::compress {

#ifdef STRAKE_ISAL

namespace {

constexpr size_t moreOutput = 64 << 10;
constexpr std::array<uint32_t, 4> levelBufferSizes{0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT,
                                                   ISAL_DEF_LVL3_DEFAULT};

class IsalBlockDeflater final : public BlockDeflater {
 public:
  explicit IsalBlockDeflater(int level) : level_(level), levelBuffer_(levelBufferSizes.at(level)) {}

  void deflate(std::span<const uint8_t> window, std::span<const uint8_t> data,
               std::vector<uint8_t>& output) override {
    begin(window);
    stream_.next_in = const_cast<uint8_t*>(data.data());
    stream_.avail_in = static_cast<uint32_t>(data.size());
    output.resize(data.size() + data.size() / 8 + moreOutput);
    size_t size = 0;
    while (!step(output, size)) output.resize(output.size() + moreOutput);
    output.resize(size);
  }

 private:
  void begin(std::span<const uint8_t> window) {
    ::isal_deflate_init(&stream_);
    stream_.level = static_cast<uint32_t>(level_);
    stream_.level_buf = levelBuffer_.data();
    stream_.level_buf_size = static_cast<uint32_t>(levelBuffer_.size());
    stream_.flush = SYNC_FLUSH;
    stream_.gzip_flag = IGZIP_DEFLATE;
    if (!window.empty())
      ::isal_deflate_set_dict(&stream_, const_cast<uint8_t*>(window.data()),
                              static_cast<uint32_t>(window.size()));
  }

  /// Whether all is out.
  bool step(std::vector<uint8_t>& output, size_t& size) {
    stream_.next_out = output.data() + size;
    stream_.avail_out = static_cast<uint32_t>(output.size() - size);
    if (::isal_deflate(&stream_) != COMP_OK) throw std::logic_error("isal_deflate was called wrongly");
    size = output.size() - stream_.avail_out;
    return stream_.avail_in == 0 && stream_.avail_out > 0;
  }

  int level_;
  std::vector<uint8_t> levelBuffer_;
  isal_zstream stream_;
};

}  // namespace

std::unique_ptr<BlockDeflater> makeIsalBlockDeflater(int level) {
  return std::make_unique<IsalBlockDeflater>(level);
}

uint32_t crc32Of(std::span<const uint8_t> data) {
  return ::crc32_gzip_refl(0, data.data(), data.size());
}

#else

std::unique_ptr<BlockDeflater> makeIsalBlockDeflater(int) {
  return nullptr;
}

uint32_t crc32Of(std::span<const uint8_t> data) {
  return static_cast<uint32_t>(::crc32_z(0, data.data(), data.size()));
}

#endif

std::unique_ptr<BlockDeflater> makeBlockDeflater(int level) {
  auto isal = level <= 3 ? makeIsalBlockDeflater(level) : nullptr;
  return isal ? std::move(isal) : makeZlibBlockDeflater(level);
}

}  // namespace strake::compress
