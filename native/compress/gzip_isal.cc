#include "compress/gzip_member.h"

#ifdef STRAKE_ISAL

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <limits>

namespace strake::compress {

namespace {

uint32_t clamp(size_t size) {
  return static_cast<uint32_t>(std::min<size_t>(size, std::numeric_limits<int32_t>::max()));
}

const char* describe(int result) {
  switch (result) {
    case ISAL_INVALID_BLOCK:
      return "invalid deflate block";
    case ISAL_INVALID_SYMBOL:
      return "invalid deflate symbol";
    case ISAL_INVALID_LOOKBACK:
      return "a distance reaches before the beginning";
    case ISAL_INVALID_WRAPPER:
      return "invalid member header (it must begin with 1f 8b)";
    case ISAL_UNSUPPORTED_METHOD:
      return "a compression method other than deflate";
    case ISAL_INCORRECT_CHECKSUM:
      return "incorrect checksum";
    default:
      return "invalid data";
  }
}

class IsalInflater final : public GzipInflater {
 public:
  IsalInflater() {
    ::isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
  }

 protected:
  void reset() override {
    ::isal_inflate_reset(&state_);
    state_.crc_flag = ISAL_GZIP;
  }

  Progress decode(std::span<const uint8_t> input, std::span<uint8_t> output) override {
    state_.next_in = const_cast<uint8_t*>(input.data());
    state_.avail_in = clamp(input.size());
    state_.next_out = output.data();
    state_.avail_out = clamp(output.size());
    const int result = ::isal_inflate(&state_);
    if (result < 0 || result == ISAL_NEED_DICT) corruptGzip(describe(result));
    if (state_.block_state == ISAL_BLOCK_FINISH) endMember();
    return {static_cast<size_t>(state_.next_in - input.data()),
            static_cast<size_t>(state_.next_out - output.data())};
  }

 private:
  inflate_state state_;
};

}  // namespace

std::unique_ptr<Inflater> makeIsalInflater() {
  return std::make_unique<IsalInflater>();
}

}  // namespace strake::compress

#else

namespace strake::compress {
std::unique_ptr<Inflater> makeIsalInflater() {
  return nullptr;
}
}  // namespace strake::compress

#endif
