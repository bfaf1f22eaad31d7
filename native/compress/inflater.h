// Streaming decompression, as layers are compressed: gzip (RFC 1952, any number of members), zstd (RFC 8878,
// any number of frames), or not at all. Checksums that a format carries are verified. Input is hostile:
// memory is bounded whatever it says, and what is wrong with it is an Error ERR_LAYER_CORRUPT.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace strake::compress {

enum class Compression { none, gzip, zstd };

struct Progress {
  size_t consumed;
  size_t produced;
};

class Inflater {
 public:
  virtual ~Inflater() = default;

  /// Inflates from `input` into `output` until the one is used up or the other is full. When output is full
  /// there may be more to come without further input: call again, with an empty input if need be. When it is
  /// not, all of the input was consumed. Throws Error ERR_LAYER_CORRUPT.
  virtual Progress inflate(std::span<const uint8_t> input, std::span<uint8_t> output) = 0;

  /// The input has ended. Throws Error ERR_LAYER_CORRUPT when it was cut short or held nothing.
  virtual void finish() = 0;
};

/// The fastest there is for `compression`.
std::unique_ptr<Inflater> makeInflater(Compression compression);

std::unique_ptr<Inflater> makeZlibInflater();
/// Null when ISA-L is not built in.
std::unique_ptr<Inflater> makeIsalInflater();
std::unique_ptr<Inflater> makeZstdInflater();
std::unique_ptr<Inflater> makeStoredInflater();

/// A zstd frame that wants a larger window is refused: 128 MiB, the limit of the zstd program.
inline constexpr int maxZstdWindowLog = 27;

/// Versions of what is linked in; ISA-L's is "none" when it is not.
const char* zlibVersion();
const char* zstdVersion();
const char* isalVersion();

}  // namespace strake::compress
