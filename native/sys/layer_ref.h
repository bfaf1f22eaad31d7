// A layer as something that can be mounted: a directory in overlayfs' own form, or a tar with its EROFS
// index.
#pragma once
#include <string>

#include "sys/unique_fd.h"

namespace strake::sys {

struct LayerRef {
  std::string directory = {};
  /// Files, when it is no directory.
  std::string index = {}, tar = {};

  bool isErofs() const { return !index.empty(); }
  /// For errors.
  const std::string& path() const { return isErofs() ? index : directory; }
};

/// The layer's root (O_PATH for a directory, else a detached mount): layers can be looked into, and given to
/// overlayfs, by it. Throws SysError.
UniqueFd openLayer(const LayerRef& layer);

}  // namespace strake::sys
