// The mounts of a container, each made detached and then attached to a descriptor that was resolved inside
// the root.
#pragma once
#include <cstddef>
#include <map>

#include "runtime/launch.h"
#include "runtime/mount_options.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

/// Detached mounts that the launcher made because the child may not: binds, images and the file systems of
/// disks and networks for a container with a user namespace, and id-mapped mounts. Keyed by the index in
/// spec.mounts; `rootTree` is the root file system.
using HostTrees = std::map<size_t, sys::UniqueFd>;
inline constexpr size_t rootTree = static_cast<size_t>(-1);
/// The binary of LaunchRequest::init.
inline constexpr size_t initTree = static_cast<size_t>(-2);

/// Makes all of spec.mounts below `root`. Throws ERR_MOUNT_UNSAFE for a target inside procfs that is not
/// known to be harmless.
void makeMounts(int root, const LaunchRequest& request, const HostTrees& trees);

/// The cgroup mount: v1 a tmpfs with each hierarchy's own directory, v2 the container's directory
/// (cgroup_mount.cc).
void makeCgroupMount(int root, const Mount& mount, const MountOptions& options, cgroup::Cgroup* cgroup);

/// Copies what `from` (a directory) holds into `to`: contents, owners, modes, times, symlinks, xattrs
/// (copy_up.cc).
void copyUp(int from, int to);

/// A new, empty volume starts with what the image has at its place, `from`. Whoever starts with it meanwhile
/// waits; a copy that died half way is made anew (copy_up.cc).
void fillVolume(int from, int volume);

}  // namespace strake::runtime
