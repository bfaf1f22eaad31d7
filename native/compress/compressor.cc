#include "compress/compressor.h"

#include <algorithm>
#include <string>
#include <thread>

#include "sys/error.h"

namespace strake::compress {

namespace {

/// Of each thread there are buffers.
constexpr unsigned maxThreads = 8;

int checkedLevel(const char* name, int level, int byDefault, int highest) {
  if (level == 0) return byDefault;
  if (level > 0 && level <= highest) return level;
  throw sys::Error("ERR_INVALID_ARGUMENT", std::string(name) + " has the levels 1 to " +
                                               std::to_string(highest) + ", not " + std::to_string(level));
}

unsigned threadCount(unsigned asked) {
  const unsigned wanted = asked > 0 ? asked : std::thread::hardware_concurrency();
  return std::clamp(wanted, 1U, maxThreads);
}

}  // namespace

std::unique_ptr<Compressor> makeCompressor(const CompressorOptions& options, Compressor::Sink sink) {
  const unsigned threads = threadCount(options.threads);
  switch (options.compression) {
    case Compression::gzip:
      return makeGzipCompressor(checkedLevel("gzip", options.level, defaultGzipLevel, maxGzipLevel), threads,
                                std::move(sink));
    case Compression::zstd:
      return makeZstdCompressor(checkedLevel("zstd", options.level, defaultZstdLevel, maxZstdLevel), threads,
                                std::move(sink));
    default:
      return makeStoredCompressor(std::move(sink));
  }
}

}  // namespace strake::compress
