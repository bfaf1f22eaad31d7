// The maps of sparse files, in all four of GNU tar's formats ("Storing Sparse Files" in its manual).
#pragma once
#include <optional>

#include "layer/block_reader.h"
#include "layer/pax.h"
#include "layer/tar_entry.h"
#include "layer/tar_header.h"

namespace strake::layer {

struct SparseMap {
  /// The file's size, holes included.
  uint64_t size = 0;
  std::vector<Extent> extents;
  /// Bytes of the entry's data that the map itself took.
  uint64_t mapBytes = 0;
};

/// The old GNU format (typeflag S): in the header and in extension blocks, which do not count as the entry's
/// data.
SparseMap readOldGnuMap(const TarHeader& header, BlockReader& reader);

/// PAX formats 0.0, 0.1 and 1.0; nothing when the records describe no sparse file. `stored` is the entry's
/// data size.
std::optional<SparseMap> readPaxMap(const PaxRecords& records, BlockReader& reader, uint64_t stored);

/// Throws ERR_LAYER_CORRUPT unless the extents ascend, lie within the size and sum up to `stored` bytes.
void verifySparseMap(const SparseMap& map, uint64_t stored);

}  // namespace strake::layer
