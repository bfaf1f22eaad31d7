// A layer as its verbatim tar and a small EROFS file system that points into it: the kernel mounts the two as
// one (sys/erofs_mount.h). The tar is read once, from its first byte to its last; the index is written when
// the layers below are known, since it holds what they say of directories that the tar only implied.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "layer/byte_source.h"
#include "layer/erofs_tree.h"
#include "layer/layer_ids.h"
#include "sys/layer_ref.h"

namespace strake::layer {

class LayerIndex {
 public:
  /// Reads a tar to its end. The limits and errors of Applier (apply.h) hold, and ERR_LAYER_TOO_LARGE past 2
  /// TiB.
  LayerIndex(ByteSource& tar, uint64_t maxEntries);

  uint64_t entries() const { return entries_; }

  struct Written {
    /// Of the index, in bytes.
    uint64_t size = 0;
    /// Of the layer's root directory.
    uint32_t mode = 0, uid = 0, gid = 0;
  };
  /// Writes the index for the tar in the file `tar`, to the new file `path` (0600),
  /// above `lowers` (top first). Once. Throws SysError, ERR_LAYER_CORRUPT for a hard link that leads nowhere,
  /// ERR_LAYER_TOO_LARGE. Nothing is synced.
  Written write(const std::string& path, const std::string& tar, const LayerIds& ids,
                const std::vector<sys::LayerRef>& lowers);

 private:
  erofs::Tree tree_;
  uint64_t entries_ = 0;
};

/// Whether the files of a layer are what they were when it was committed: the tar's digest is its diffId, and
/// its index, built again above `lowers`, has the same bytes. "" or what is wrong. `scratch` is a file that
/// is made and removed.
std::string verifyLayer(const sys::LayerRef& layer, const LayerIds& ids,
                        const std::vector<sys::LayerRef>& lowers, const std::string& scratch);

}  // namespace strake::layer
