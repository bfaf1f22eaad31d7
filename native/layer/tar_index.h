// What is where in an archive of files: the members of a tar on disk, found by reading its headers alone.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "layer/tar_entry.h"

namespace strake::layer {

struct TarMember {
  EntryType type = EntryType::regular;
  /// As written, neither normalised nor trusted.
  std::string path;
  std::string target;
  /// Where a regular file's bytes are in the archive, and how many.
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// Every member in its order. Reads headers and passes over contents. Throws ERR_ARCHIVE_INVALID when it is
/// no tar, is cut short, has more than `maxMembers`, or a member that is stored with holes; SysError.
std::vector<TarMember> indexTar(const std::string& path, uint64_t maxMembers);

}  // namespace strake::layer
