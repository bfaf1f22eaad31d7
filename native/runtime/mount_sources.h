// What a container's mounts show, as detached trees: a file or directory of the host, the layers of an image,
// a file system that only the host may mount. Nothing here is attached anywhere.
#pragma once
#include <string>

#include "runtime/launch.h"
#include "runtime/mount_options.h"
#include "sys/detached_mount.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

/// A bind, of the host's files.
bool isBind(const Mount& mount, const MountOptions& options);

/// An image, whose layers are LaunchRequest::images (type "image", our own).
bool isImage(const Mount& mount);

/// A file system that no user namespace may mount (FS_USERNS_MOUNT in the kernel's sources): of a disk, a
/// network. The launcher opens it, whose devices no rules restrict.
bool isHostsAlone(const Mount& mount, const MountOptions& options);

/// The detached tree of a bind or an image, or the part of it that "subpath=…" names, which is looked up
/// below it and cannot lead out of it (CVE-2024-45310). With `idmapUserns` >= 0 an image's layers are seen
/// through that mapping. Throws ERR_MOUNT_SOURCE_NOT_FOUND, ERR_MOUNT_UNSAFE.
sys::UniqueFd openTree(const LaunchRequest& request, const Mount& mount, const MountOptions& options,
                       int idmapUserns);

/// What of the options is the file system's own.
void setParameters(sys::FsContext& fs, const MountOptions& options);

/// A new mount of the file system that `mount` names, with the options that are its own.
sys::UniqueFd openFileSystem(const Mount& mount, const MountOptions& options);

/// idmapMount() that says, where the file system takes none, which one it is (ERR_IDMAP_UNSUPPORTED).
void mapIds(int tree, int userns, bool recursive, const Mount& mount);

}  // namespace strake::runtime
