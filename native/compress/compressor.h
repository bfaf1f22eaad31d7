// Streaming compression, the way back of inflater.h: gzip as one member whose blocks are deflated on several
// threads at once, zstd as one frame by its own threads, or not at all. The same input, format and level give
// the same bytes from the same build, however many threads there are and in whatever pieces the input comes:
// a pushed layer keeps its digest. Nothing of the machine or the time goes in.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "compress/inflater.h"

namespace strake::compress {

class Compressor {
 public:
  /// Takes compressed bytes, in order, on the thread that calls write() or finish(). What it throws passes
  /// through these.
  using Sink = std::function<void(std::span<const uint8_t>)>;

  virtual ~Compressor() = default;

  /// Takes all of `input`, which may be dropped afterwards; waits while as much as the threads may hold is
  /// under way.
  virtual void write(std::span<const uint8_t> input) = 0;
  /// The input has ended: hands out the rest. Nothing may follow.
  virtual void finish() = 0;
};

struct CompressorOptions {
  Compression compression = Compression::gzip;
  /// gzip 1 to 9, zstd 1 to 19; 0: the default. Gzip's levels 1 to 3 are ISA-L's, the higher ones zlib's.
  int level = 0;
  /// 0: one for each processor, at most eight.
  unsigned threads = 0;
};

inline constexpr int defaultGzipLevel = 3;
inline constexpr int defaultZstdLevel = 3;
inline constexpr int maxGzipLevel = 9;
inline constexpr int maxZstdLevel = 19;

/// Throws Error ERR_INVALID_ARGUMENT for a level that there is not.
std::unique_ptr<Compressor> makeCompressor(const CompressorOptions& options, Compressor::Sink sink);

std::unique_ptr<Compressor> makeGzipCompressor(int level, unsigned threads, Compressor::Sink sink);
std::unique_ptr<Compressor> makeZstdCompressor(int level, unsigned threads, Compressor::Sink sink);
std::unique_ptr<Compressor> makeStoredCompressor(Compressor::Sink sink);

}  // namespace strake::compress
