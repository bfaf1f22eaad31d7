// What a container has changed, as a layer: the tar that, applied above the same layers, gives what the
// container sees (OCI image-spec layer.md, "Change Types"). And the same as a list.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layer/byte_sink.h"
#include "layer/upper_walk.h"

namespace strake::layer {

struct DiffOptions {
  UpperWalk walk = {};
  /// No time of modification is later than this (seconds since 1970): SOURCE_DATE_EPOCH
  /// (reproducible-builds.org/specs/source-date-epoch). A later one becomes this one, without a fraction.
  std::optional<int64_t> latest = std::nullopt;
};

/// Writes the layer's tar. The same upper directory makes the same bytes. The root itself is an entry only
/// where it has another owner, mode or xattrs than below. Answers the number of entries. Throws SysError,
/// ERR_LAYER_CORRUPT.
uint64_t writeDiff(const DiffOptions& options, ByteSink& sink);

struct DiffFile {
  /// sha256 of the tar, in hex: the layer's diffId.
  std::string digest;
  uint64_t size = 0;
  uint64_t entries = 0;
};

/// The same into a new file (0600), hashed and written on a thread of its own while files are read. Not
/// synced.
DiffFile writeDiffFile(const DiffOptions& options, const std::string& path);

struct Change {
  enum class Kind : char { added = 'A', changed = 'C', removed = 'D' };
  Kind kind;
  /// With a slash in front.
  std::string path;
};

/// What `docker diff` lists, sorted by path. The root is never listed; that its directory's contents have
/// changed lists a directory. More than `limit` are ERR_OUTPUT_TOO_LARGE.
std::vector<Change> listChanges(const UpperWalk& walk, size_t limit);

}  // namespace strake::layer
