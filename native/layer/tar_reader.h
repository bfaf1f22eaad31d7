// A streaming tar reader: v7, ustar, PAX (extended and global), GNU (long names, base-256, sparse) and star,
// as far as container layers use them. Hostile input gets bounded memory: headers of at most 1 MiB, sparse
// maps of at most 65536 extents. What the reader answers is what was written: paths are neither normalised
// nor trusted.
#pragma once
#include <optional>

#include "layer/block_reader.h"
#include "layer/pax.h"
#include "layer/sparse.h"
#include "layer/tar_entry.h"
#include "layer/tar_header.h"

namespace strake::layer {

class TarReader {
 public:
  explicit TarReader(ByteSource& source) : reader_(source) {}

  /// The next entry, or nothing at the end of the archive (two zero blocks, or the end of the input between
  /// entries). Data of the entry before that were not read are skipped. Throws ERR_LAYER_CORRUPT.
  std::optional<TarEntry> next();

  /// The entry's data, the extents one after the other: the next piece, valid until the next call; empty at
  /// their end.
  std::span<const uint8_t> data();

  /// Reads what follows the end of the archive, so that the source is used up.
  void drain() { reader_.drain(); }

 private:
  /// Extension headers that stand before an entry.
  struct Extensions {
    PaxRecords pax;
    std::optional<std::string> longName;
    std::optional<std::string> longLink;
  };

  void skipData();
  bool readExtension(const TarHeader& header, Extensions& extensions);
  std::string extensionText(const TarHeader& header, const char* what);
  TarEntry describe(const TarHeader& header, const Extensions& extensions);
  void describeData(const TarHeader& header, const PaxRecords& pax, TarEntry& entry);

  BlockReader reader_;
  PaxRecords global_;
  /// Of the current entry: data and padding still to be read.
  uint64_t remaining_ = 0;
  uint64_t padding_ = 0;
};

}  // namespace strake::layer
