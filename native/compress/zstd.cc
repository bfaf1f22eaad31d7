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
    while (out.pos < out.size && (in.pos < in.size || unfinished_ > 0)) {
      const size_t before = in.pos + out.pos;
      unfinished_ = ::ZSTD_decompressStream(context_.get(), &out, &in);
      if (::ZSTD_isError(unfinished_)) corruptZstd(::ZSTD_getErrorName(unfinished_));
      hadFrame_ = true;
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
  size_t unfinished_ = 0;
  bool hadFrame_ = false;
};

}  // namespace

std::unique_ptr<Inflater> makeZstdInflater() {
  return std::make_unique<ZstdInflater>();
}

}  // namespace strake::compress
