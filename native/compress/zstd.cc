#include <zstd.h>

#include <new>
#include <string>

#include "compress/inflater.h"
#include "sys/error.h"

namespace strake::compress {

namespace {

[[noreturn]] void corruptZstd(const std::string& what) {
  throw sys::Error("ERR_LAYER_CORRUPT", "zstd: " + what);
}

struct Free {
  void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
};

/// The first four bytes of a frame. libzstd may know formats from before 1.0 as well, whose old decoders
/// judge some streams by how they are cut: no registry has them, and they are refused (RFC 8878,
/// sections 3.1.1 and 3.1.2).
class Magic {
 public:
  /// What comes next of the frame, as far as it is here.
  void check(std::span<const uint8_t> next) const {
    uint32_t value = value_;
    for (size_t at = size_, i = 0; at < 4 && i < next.size(); ++at, ++i) {
      value |= static_cast<uint32_t>(next[i]) << (8 * at);
      const uint32_t known = 0xffffffffu >> (24 - 8 * at);
      const bool isFrame = ((value ^ ZSTD_MAGICNUMBER) & known) == 0;
      const bool isSkippable = ((value ^ 0x184d2a50u) & known & 0xfffffff0u) == 0;
      if (!isFrame && !isSkippable) corruptZstd("a frame begins with other bytes than zstd's");
    }
  }

  void take(std::span<const uint8_t> taken) {
    for (size_t i = 0; size_ < 4 && i < taken.size(); ++i)
      value_ |= static_cast<uint32_t>(taken[i]) << (8 * size_++);
  }

 private:
  uint32_t value_ = 0;
  size_t size_ = 0;
};

class ZstdInflater final : public Inflater {
 public:
  ZstdInflater() : context_(::ZSTD_createDCtx()) {
    if (!context_) throw std::bad_alloc();
    ::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, maxZstdWindowLog);
  }

  Progress inflate(std::span<const uint8_t> input, std::span<uint8_t> output) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    // Between two frames there is nothing to flush, and a call without input would begin to wait for a frame.
    while (out.pos < out.size && (in.pos < input.size() || unfinished_ > 0)) {
      const size_t from = in.pos;
      const size_t before = in.pos + out.pos;
      // A frame that is there as a whole would be decoded by another way than one in pieces, and the two
      // judge some corrupt frames differently: the first byte of each comes alone.
      in.size = unfinished_ == 0 ? from + 1 : input.size();
      magic_.check(input.subspan(from));
      unfinished_ = ::ZSTD_decompressStream(context_.get(), &out, &in);
      if (::ZSTD_isError(unfinished_)) corruptZstd(::ZSTD_getErrorName(unfinished_));
      hadFrame_ = true;
      magic_.take(input.subspan(from, in.pos - from));
      if (unfinished_ == 0) magic_ = {};
      if (in.pos + out.pos == before) break;
    }
    return {in.pos, out.pos};
  }

  void finish() override {
    if (unfinished_ > 0) corruptZstd("the data end in the middle of a frame: it was cut short");
    if (!hadFrame_) corruptZstd("there are no data");
  }

 private:
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  Magic magic_;
  size_t unfinished_ = 0;
  bool hadFrame_ = false;
};

}  // namespace

std::unique_ptr<Inflater> makeZstdInflater() {
  return std::make_unique<ZstdInflater>();
}

}  // namespace strake::compress
