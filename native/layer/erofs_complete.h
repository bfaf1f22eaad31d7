// What a layer's tar left open, answered by the layers below: complete.h's rules, for a tree that becomes an
// index.
#pragma once
#include "layer/erofs_tree.h"
#include "layer/layer_stack.h"

namespace strake::layer::erofs {

/// Completes `tree` above `lowers`: implied directories get what they have below, or are moved to where a
/// symlink below leads; hard links to files below get a copy of those (Tree::copies); an opaque root becomes
/// a whiteout of each name below. ERR_LAYER_CORRUPT for a link that leads nowhere. Afterwards no name waits
/// any more.
void complete(Tree& tree, const LayerStack& lowers);

}  // namespace strake::layer::erofs
