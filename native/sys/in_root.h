// Paths of a tree that somebody else wrote. Every look-up is one openat2(2) that cannot leave the tree:
// absolute symlinks and ".." stay inside (RESOLVE_IN_ROOT), and /proc's magic links are refused.
#pragma once
#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sys/unique_fd.h"

namespace strake::sys {

/// Opens `path` below `root`. Returns an empty fd with errno set on failure, so that "absent" is cheap.
/// `resolve` adds RESOLVE_* bits (openat2(2)).
UniqueFd tryOpenInRoot(int root, const std::string& path, int flags, uint64_t resolve = 0) noexcept;

/// The same, throwing SysError.
UniqueFd openInRoot(int root, const std::string& path, int flags, uint64_t resolve = 0);

/// The same for a path that must stay below: what leads out of `root`, be it by an absolute link, is EXDEV
/// (RESOLVE_BENEATH).
UniqueFd tryOpenBeneath(int root, const std::string& path, int flags) noexcept;

/// Opens the directory `path` (O_PATH), creating what is missing, component by component, with `mode`.
/// A component that is a dangling symlink is created where it points to, inside the root.
UniqueFd makeDirectoriesInRoot(int root, const std::string& path, mode_t mode);

/// Opens (O_PATH) the place of a mount: a directory, or an empty regular file; created when missing.
UniqueFd makeMountPoint(int root, const std::string& path, bool directory);

/// "/a/b/c" -> {"/a/b", "c"}; trailing slashes do not count.
std::pair<std::string, std::string> splitPath(std::string_view path);

}  // namespace strake::sys
