// A Mount of TypeScript's (lib/mount) as a detached mount: this process alone has it, by its descriptor.
// Nothing is attached anywhere, and it is gone with the descriptor, however the process ends.
#pragma once
#include <napi.h>
#include <sched.h>

#include "addon/user_namespace.h"
#include "runtime/launch.h"
#include "sys/error.h"
#include "sys/layer_ref.h"
#include "sys/unique_fd.h"
#include "sys/user_namespace.h"

namespace strake::addon {

/// LayerRefs of lib/mount; with the mounts of those that this process holds.
std::vector<sys::LayerRef> layersOf(const Napi::Array& array);

/// A Mount object. A wrong type is a TypeError.
runtime::Rootfs rootfsOf(const Napi::Object& mount);

/// Mounts it; not on the event loop. Of a directory: the directory itself, open. Throws SysError,
/// ERR_OVERLAY_UNAVAILABLE.
sys::UniqueFd mountView(const runtime::Rootfs& rootfs);

/// Calls `body`, which uses mountView() and reads what is there, as root of the namespace in a mount
/// namespace of its own, where an ordinary user may mount; without one as it is.
template <typename Body>
auto whereMountsAreAllowed(const UserNamespace& userns, Body body) {
  return sys::asRootOf(descriptorOf(userns), [&] {
    if (userns) sys::check(::unshare(CLONE_NEWNS), "unshare", "mount namespace");
    return body();
  });
}

}  // namespace strake::addon
