// Writes a tar entry by entry: ustar headers (POSIX.1-1988), and before them PAX records (POSIX.1-2001 pax)
// for whatever ustar has no room for: long names, xattrs (SCHILY.xattr.*), nanoseconds, sizes from 8 GiB on,
// large ids. Every tar of the last twenty years reads it. The same entries make the same bytes: no names of
// users or groups, no process ids, records sorted by key.
//
//   TarWriter tar(sink);
//   tar.add(directory);
//   tar.add(file);          // regular, file.size == 5
//   tar.data("hello");      // exactly that many bytes, in any pieces
//   tar.finish();
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "layer/byte_sink.h"
#include "layer/tar_entry.h"

namespace strake::layer {

class TarWriter {
 public:
  explicit TarWriter(ByteSink& sink) : sink_(sink) {}

  /// Writes an entry's headers. `path` is written as it is, with a slash behind it for a directory. A regular
  /// file's `size` bytes are to follow by data(); `extents` are not looked at: holes are written as zeros.
  /// Throws std::logic_error while bytes of the entry before are missing.
  void add(const TarEntry& entry);

  /// The next bytes of the regular file that was added last. Throws std::logic_error when they are more than
  /// its size.
  void data(std::span<const uint8_t> bytes);

  /// The end of the archive: two blocks of zeros. Nothing may follow.
  void finish();

  /// Bytes of contents that are still missing of the entry added last.
  uint64_t missing() const { return missing_; }

 private:
  void writeHeader(const TarEntry& entry, const std::string& path);
  void writePax(const std::string& records, const std::string& path);
  void pad(uint64_t size);
  void write(std::string_view bytes);

  ByteSink& sink_;
  uint64_t missing_ = 0;
  uint64_t padding_ = 0;
};

}  // namespace strake::layer
