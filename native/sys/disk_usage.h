// What a tree takes on disk.
#pragma once
#include <cstdint>
#include <string>

namespace strake::sys {

struct DiskUsage {
  /// st_blocks * 512, a file with several names once.
  uint64_t bytes = 0;
  uint64_t inodes = 0;
};

/// Of `path` and all below it on the same file system. Links are not followed; what vanishes meanwhile is not
/// counted. Throws SysError, ENOENT when `path` itself is absent.
DiskUsage diskUsage(const std::string& path);

}  // namespace strake::sys
