// A layer as something that can be mounted: a directory in overlayfs' own form, or a tar with its EROFS
// index.
#pragma once
#include <memory>
#include <string>

#include "sys/unique_fd.h"

namespace strake::sys {

struct LayerRef {
  std::string directory = {};
  /// Files, when it is no directory.
  std::string index = {}, tar = {};
  /// The same, mounted already by somebody else, when there is such a mount.
  std::shared_ptr<const UniqueFd> mount = nullptr;

  bool isErofs() const { return !index.empty(); }
  /// For errors.
  const std::string& path() const { return isErofs() ? index : directory; }
};

/// The detached mount of `index` that the process `pid` has open as `fd`; null when it cannot be had: that
/// process has ended or may not be looked into, or it is something else, as both numbers are given again
/// (pidfd_getfd(2), Linux 5.6; an index is known by its uuid, which is in statfs(2)'s f_fsid). A file system
/// in files is one for each mount of it, with page cache and inodes of its own: whoever shares a mount shares
/// those, and need not mount.
std::shared_ptr<const UniqueFd> borrowMount(int pid, int fd, const std::string& index);

/// The layer's root (O_PATH for a directory, else a detached mount): layers can be looked into, and given to
/// overlayfs, by it. Throws SysError.
UniqueFd openLayer(const LayerRef& layer);

}  // namespace strake::sys
