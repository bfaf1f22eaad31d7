// What of a container's file system is covered or made read-only.
#pragma once
#include <string>
#include <vector>

namespace strake::runtime {

/// Covers each path that exists: a directory by one shared, empty, read-only tmpfs, anything else by
/// /dev/null (a verified one, on a read-only mount: the container's root can neither replace nor chmod it;
/// CVE-2025-31133).
void maskPaths(int root, const std::vector<std::string>& paths);

/// Makes each path that exists read-only, with all that is mounted below it.
void sealPaths(int root, const std::vector<std::string>& paths);

/// Covers each path that exists with something that mounts can still be made in: a directory by an empty
/// tmpfs of its own.
void hidePaths(int root, const std::vector<std::string>& paths);

}  // namespace strake::runtime
