// A tree of files as tar entries, as it is on disk or in a mount: owners, modes, times (ns), xattrs without
// overlayfs' own, hard links, devices. Sorted by name, so that the same tree makes the same bytes.
#pragma once
#include <sys/stat.h>

#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "layer/tar_entry.h"
#include "layer/tar_writer.h"

namespace strake::layer {

/// The entry for what `fd` is open on (O_PATH will do): all but a hard link, which only the caller can know.
/// Nothing for a socket, which a tar cannot hold. `path` is the entry's name, and for errors: SysError.
std::optional<TarEntry> describeFile(int fd, const std::string& path);

/// Copies `size` bytes of the regular file that `fd` (O_PATH will do) is open on. Throws SysError, and Error
/// ERR_LAYER_CORRUPT when the file has become shorter; what it has grown is left out.
void writeContents(TarWriter& tar, int fd, uint64_t size, const std::string& path);

/// Which files have been written already, under which name: the second name of a file is a hard link.
class HardLinks {
 public:
  /// The name that the file was first seen by, or nothing, and then `path` is remembered. Cheap for files
  /// with one name.
  std::optional<std::string> firstName(const struct stat& status, const std::string& path);

 private:
  std::map<std::pair<dev_t, ino_t>, std::string> names_;
};

struct TreeOptions {
  /// What is left out with all below it: paths from the root, without a slash before or behind.
  std::set<std::string> hidden = {};
  /// Looked at between files: true ends it with ERR_ABORTED.
  const std::atomic<bool>* cancelled = nullptr;
};

/// Writes everything below the open directory `root`, itself as "./" first, and the end of the archive. What
/// is mounted below is an empty directory; what vanishes meanwhile is left out. Memory grows with the depth,
/// the largest directory and the number of files with several names. Throws SysError; ERR_ABORTED;
/// ERR_LAYER_CORRUPT for a path of more than 4095 bytes, which no call of Linux takes.
void writeTree(int root, TarWriter& tar, const TreeOptions& options = {});

}  // namespace strake::layer
