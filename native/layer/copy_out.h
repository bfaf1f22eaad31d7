// A file, or a tree of files, as a tar that begins with the thing itself under a name of the caller's choice:
// what `docker cp` moves. Unlike writeTree() it goes into what is mounted below, as a copy wants it.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "layer/tar_writer.h"

namespace strake::layer {

struct CopyOutOptions {
  /// What the thing is called in the archive, and what all that is below it begins with. "." stands for
  /// itself.
  std::string name;
  /// Who everything belongs to in the archive; by default who it belongs to.
  std::optional<std::pair<uid_t, gid_t>> owner = {};
};

/// Writes what `fd` (O_PATH will do) is open on, with all below it, and the end of the archive. No link is
/// followed; sockets, and what vanishes meanwhile, are left out; of the kernel's own file systems (proc,
/// sysfs, cgroup) only the directory is written. Throws SysError; ERR_LAYER_CORRUPT for a file that becomes
/// shorter.
void copyOut(int fd, TarWriter& tar, const CopyOutOptions& options);

}  // namespace strake::layer
