#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "compress/gzip_member.h"

namespace strake::compress {

namespace {

constexpr int gzipOnly = 16 + MAX_WBITS;

uInt clamp(size_t size) {
  return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
}

class ZlibInflater final : public GzipInflater {
 public:
  ZlibInflater() {
    if (::inflateInit2(&stream_, gzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~ZlibInflater() override { ::inflateEnd(&stream_); }
  ZlibInflater(const ZlibInflater&) = delete;
  ZlibInflater& operator=(const ZlibInflater&) = delete;

 protected:
  void reset() override { ::inflateReset(&stream_); }

  Progress decode(std::span<const uint8_t> input, std::span<uint8_t> output) override {
    stream_.next_in = const_cast<uint8_t*>(input.data());
    stream_.avail_in = clamp(input.size());
    stream_.next_out = output.data();
    stream_.avail_out = clamp(output.size());
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result == Z_STREAM_END) {
      endMember();
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      corruptGzip(stream_.msg != nullptr ? stream_.msg : "invalid data");
    }
    return {static_cast<size_t>(stream_.next_in - input.data()),
            static_cast<size_t>(stream_.next_out - output.data())};
  }

 private:
  z_stream stream_ = {};
};

}  // namespace

std::unique_ptr<Inflater> makeZlibInflater() {
  return std::make_unique<ZlibInflater>();
}

}  // namespace strake::compress
