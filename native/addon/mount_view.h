// A Mount of TypeScript's (lib/mount) as a detached mount: this process alone has it, by its descriptor.
// Nothing is attached anywhere, and it is gone with the descriptor, however the process ends.
#pragma once
#include <napi.h>

#include "runtime/launch.h"
#include "sys/layer_ref.h"
#include "sys/unique_fd.h"

namespace strake::addon {

/// LayerRefs of lib/mount.
std::vector<sys::LayerRef> layersOf(const Napi::Array& array);

/// A Mount object. A wrong type is a TypeError.
runtime::Rootfs rootfsOf(const Napi::Object& mount);

/// Mounts it; not on the event loop. Of a directory: the directory itself, open. Throws SysError,
/// ERR_OVERLAY_UNAVAILABLE.
sys::UniqueFd mountView(const runtime::Rootfs& rootfs);

}  // namespace strake::addon
