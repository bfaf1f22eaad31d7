// A compressed file made into an uncompressed one.
#pragma once
#include <cstdint>
#include <limits>
#include <string>

#include "compress/inflater.h"

namespace strake::layer {

struct InflatedFile {
  /// sha256 of what was written, "sha256:<hex>".
  std::string digest;
  uint64_t size = 0;
};

/// A run of bytes in a file.
struct FileRange {
  std::string path;
  uint64_t offset = 0;
  /// To the end of the file, if it has fewer.
  uint64_t size = std::numeric_limits<int64_t>::max();
};

/// Inflates `source` into `target`, a new file (0600), which is not synced. With `none` it is copied. More
/// than `maxBytes` are ERR_LAYER_TOO_LARGE, bytes that cannot be inflated ERR_LAYER_CORRUPT; after a failure
/// `target` may be there in part. Throws SysError.
InflatedFile inflateFile(const FileRange& source, compress::Compression compression,
                         const std::string& target, uint64_t maxBytes);

}  // namespace strake::layer
