// The root file system of a container: mounted detached, attached in the container's own mount namespace, and
// made "/".
#pragma once
#include "runtime/launch.h"
#include "runtime/mounts.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

/// Cuts the new mount namespace off from the host's propagation, as far as the spec wants. Comes first.
void cutOffFromHost(const Spec& spec);

/// A detached mount of the root file system. `idmapUserns` and `mayAttach` as in mountOverlay(); a directory
/// is taken with the owners that it has unless its `idmap` is set.
sys::UniqueFd mountRootfs(const LaunchRequest& request, int idmapUserns, bool mayAttach);

/// Attaches `tree` over "/", where no path of the host is needed. The caller's own root stays what it was
/// until enterRoot().
void attachRootfs(int tree);

/// Makes `root` the root directory and lets go of everything else that is mounted.
void enterRoot(const Spec& spec, int root);

}  // namespace strake::runtime
