// The bytes of an index. The same tree gives the same bytes, so that a layer can be verified by building its
// index again.
#pragma once
#include <cstdint>
#include <string>

#include "layer/erofs_tree.h"
#include "layer/layer_ids.h"
#include "layer/layer_stack.h"

namespace strake::layer::erofs {

/// What the index is made for.
struct IndexedTar {
  /// Open for reading.
  int file = -1;
  uint64_t bytes = 0;
  LayerIds ids;
};

/// Writes the index of `tree`, which is complete() above `lowers`, into `file`, which is empty. Answers its
/// size in bytes. Contents that the tar does not have in one piece are read from it and from `lowers` again.
/// Throws SysError naming `path`, ERR_LAYER_TOO_LARGE.
uint64_t writeIndex(Tree& tree, const IndexedTar& tar, const LayerStack& lowers, int file,
                    const std::string& path);

}  // namespace strake::layer::erofs
