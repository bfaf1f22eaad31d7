#pragma once
#include "layer/layer_stack.h"

namespace strake::layer {

/// Removes the whiteouts of a layer in overlayfs' own form that hide nothing: overlayfs lists those of a
/// directory that it merges with none below (an opaque one, or one that is nowhere below), and then finds no
/// file there. Visits all that is below `root`. Throws SysError.
void removeIdleWhiteouts(int root, const LayerStack& lowers);

}  // namespace strake::layer
