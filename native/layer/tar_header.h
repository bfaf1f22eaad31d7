// One header block of a tar: v7, ustar (POSIX.1-1988), GNU and star (tar(5)).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "layer/block_reader.h"

namespace strake::layer {

/// A header's fields, borrowed from its block.
class TarHeader {
 public:
  explicit TarHeader(const Block& block) : block_(block) {}

  bool isZero() const;
  /// Throws ERR_LAYER_CORRUPT when the checksum is wrong.
  void verify() const;

  char type() const { return block_[156]; }
  /// The name with ustar's or star's prefix.
  std::string path() const;
  std::string linkTarget() const { return std::string(field(157, 100)); }
  /// GNU's own format: its prefix field holds other things.
  bool isGnu() const { return std::string_view(block_.data() + 257, 8) == std::string_view("ustar  \0", 8); }

  /// A number, octal or GNU base-256. Throws ERR_LAYER_CORRUPT, naming `what`.
  int64_t number(size_t offset, size_t size, const char* what) const;
  int64_t mode() const { return number(100, 8, "mode"); }
  int64_t uid() const { return number(108, 8, "uid"); }
  int64_t gid() const { return number(116, 8, "gid"); }
  int64_t size() const { return number(124, 12, "size"); }
  int64_t mtime() const { return number(136, 12, "mtime"); }
  int64_t deviceMajor() const { return number(329, 8, "major device number"); }
  int64_t deviceMinor() const { return number(337, 8, "minor device number"); }

  /// Raw bytes, for the sparse map.
  std::string_view raw(size_t offset, size_t size) const { return {block_.data() + offset, size}; }

 private:
  /// Up to the first NUL.
  std::string_view field(size_t offset, size_t size) const;

  const Block& block_;
};

/// As TarHeader::number, of any field.
int64_t parseTarNumber(std::string_view field, const char* what);

}  // namespace strake::layer
