// What a layer's tar left open, answered by the layers below when the layer is committed on top of them.
#pragma once
#include <string>
#include <vector>

namespace strake::layer {

/// For each directory that the layer in `target` only implied (LayerTree::implied(), "." is the root): takes
/// the owner, mode, mtime and xattrs that it has in `lowers` (top first), by overlayfs' rules (whiteouts,
/// opaque directories). A directory that is nowhere below stays as it is.
///
/// Where the layers below have a symlink of that name, the tar meant the directory that it leads to (a layer
/// that holds "lib/x" above a Debian whose "lib" is a link to "usr/lib"): what the layer has there is moved
/// to that directory, found within the root, and the symlink stays visible. Containerd does so on a mounted
/// root; Docker's overlay2 would hide the link, and with it all of the directory.
void adoptDirectories(const std::string& target, const std::vector<std::string>& lowers,
                      const std::vector<std::string>& paths);

}  // namespace strake::layer
