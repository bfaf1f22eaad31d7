// An overlay as a detached mount: it belongs to no mount table until somebody attaches it, and goes with its
// descriptor.
#pragma once
#include "runtime/launch.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

/// Makes the overlay of `rootfs` (kind overlay). With `idmapUserns` >= 0 every layer is seen through that
/// user namespace's id mapping, so files stored as 0 belong to the container's root. Throws
/// ERR_OVERLAY_UNAVAILABLE where the kernel has no overlay file system or refuses the upper directory's file
/// system.
sys::UniqueFd mountOverlay(const Rootfs& rootfs, int idmapUserns);

}  // namespace strake::runtime
