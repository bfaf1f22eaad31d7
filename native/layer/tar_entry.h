// One entry of a tar as its headers, all of them together, describe it.
#pragma once
#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace strake::layer {

enum class EntryType { regular, hardLink, symlink, charDevice, blockDevice, directory, fifo };

/// A run of data in a sparse file; what lies between runs is a hole.
struct Extent {
  uint64_t offset;
  uint64_t size;
};

struct TarEntry {
  EntryType type = EntryType::regular;
  /// As written, neither normalised nor trusted.
  std::string path;
  /// Of a hard link or a symlink, as written.
  std::string target;
  /// Permission bits with setuid, setgid and sticky.
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime = {};
  unsigned deviceMajor = 0;
  unsigned deviceMinor = 0;
  /// Of a regular file, in bytes; with holes included.
  uint64_t size = 0;
  /// Ascending and disjoint, within size. A file that is not sparse is one extent (none when it is empty).
  std::vector<Extent> extents;
  /// Where the data of a regular file begin, in bytes from the archive's first one.
  uint64_t dataAt = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

}  // namespace strake::layer
