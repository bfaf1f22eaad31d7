#include <zstd.h>

#include <new>
#include <stdexcept>
#include <vector>

#include "compress/compressor.h"

namespace strake::compress {

namespace {

/// Of input that one thread compresses. Given, so that it depends on nothing else.
constexpr int jobSize = 4 << 20;

struct Free {
  void operator()(ZSTD_CCtx* context) const { ::ZSTD_freeCCtx(context); }
};

/// One frame (RFC 8878) with a checksum. Its threads are zstd's own, whose output does not depend on their
/// number as long as there is one (zstd.h, ZSTD_c_nbWorkers).
class ZstdCompressor final : public Compressor {
 public:
  ZstdCompressor(int level, unsigned threads, Sink sink)
      : sink_(std::move(sink)), context_(::ZSTD_createCCtx()), output_(::ZSTD_CStreamOutSize()) {
    if (!context_) throw std::bad_alloc();
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_checksumFlag, 1);
    // A library that was built without threads has neither parameter, and works on the caller's.
    if (!::ZSTD_isError(
            ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_nbWorkers, static_cast<int>(threads))))
      set(ZSTD_c_jobSize, jobSize);
  }

  void write(std::span<const uint8_t> input) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    while (in.pos < in.size) step(in, ZSTD_e_continue);
  }

  void finish() override {
    ZSTD_inBuffer in{nullptr, 0, 0};
    while (step(in, ZSTD_e_end) > 0) {
    }
  }

 private:
  void set(ZSTD_cParameter parameter, int value) {
    requireDone(::ZSTD_CCtx_setParameter(context_.get(), parameter, value));
  }

  size_t step(ZSTD_inBuffer& in, ZSTD_EndDirective directive) {
    ZSTD_outBuffer out{output_.data(), output_.size(), 0};
    const size_t rest = requireDone(::ZSTD_compressStream2(context_.get(), &out, &in, directive));
    if (out.pos > 0) sink_(std::span(output_).first(out.pos));
    return rest;
  }

  /// All that can go wrong but the memory is a wrong call.
  static size_t requireDone(size_t result) {
    if (::ZSTD_isError(result)) throw std::runtime_error(std::string("zstd: ") + ::ZSTD_getErrorName(result));
    return result;
  }

  Sink sink_;
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::vector<uint8_t> output_;
};

}  // namespace

std::unique_ptr<Compressor> makeZstdCompressor(int level, unsigned threads, Compressor::Sink sink) {
  return std::make_unique<ZstdCompressor>(level, threads, std::move(sink));
}

}  // namespace strake::compress
