// What a layer's tar left open, answered by the layers below when the layer is committed on top of them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "layer/apply.h"
#include "sys/layer_ref.h"

namespace strake::layer {

/// Completes the layer in `target`, of which `applied` is the result, above `lowers` (top first; overlayfs'
/// rules hold: whiteouts, opaque directories). Answers how many bytes of file contents were added.
///
/// Implied directories take the owner, mode, mtime and xattrs that they have below. One that is nowhere below
/// stays as it is. Where the layers below have a symlink of that name, the tar meant the directory that it
/// leads to (a layer that holds "lib/x" above a Debian whose "lib" is a link to "usr/lib"): what the layer
/// has there is moved to that directory, found within the root, and the symlink stays visible. Containerd
/// does so on a mounted root; Docker's overlay2 would hide the link, and with it all of the directory.
///
/// Hard links to files of the layers below: the file is copied up with all its metadata, as overlayfs would
/// do for link(2), and then linked. Links to one file share one copy. ERR_LAYER_CORRUPT when it is nowhere.
///
/// A whiteout that hides nothing is left out.
///
/// An opaque root becomes a whiteout of each name below: overlayfs does not ask whether a root is opaque.
uint64_t completeLayer(const std::string& target, const std::vector<sys::LayerRef>& lowers,
                       const ApplyResult& applied);

}  // namespace strake::layer
