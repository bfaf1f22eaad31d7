// An overlay as a detached mount: it belongs to no mount table until somebody attaches it, and goes with its
// descriptor.
#pragma once
#include "runtime/launch.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

/// Makes the overlay of `rootfs` (kind overlay). `mayAttach`: the caller's mount namespace is its own and cut
/// off, so mount(2) may be used where many layers need it (Linux before 6.5). With `idmapUserns` >= 0 every
/// layer is seen through that user namespace's id mapping, so files stored as 0 belong to the container's
/// root. Throws ERR_OVERLAY_UNAVAILABLE where the kernel has no overlay file system or refuses the upper
/// directory's file system.
sys::UniqueFd mountOverlay(const Rootfs& rootfs, int idmapUserns, bool mayAttach);

}  // namespace strake::runtime
