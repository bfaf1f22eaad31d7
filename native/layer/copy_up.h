// One file of a layer below, made again in the layer above.
#pragma once
#include <cstdint>
#include <string>

#include "layer/layer_stack.h"

namespace strake::layer {

/// Makes `name` in the open directory `parent`, where it must be absent, like `source`, which is no
/// directory: contents with their holes, owner, mode, xattrs without overlayfs' own, mtime. Answers the bytes
/// of contents. `path` is for errors: SysError.
uint64_t copyUp(const Lookup& source, int parent, const std::string& name, const std::string& path);

}  // namespace strake::layer
