// rm -r without races: by descriptors, following no link and crossing no mount.
#pragma once
#include <string>

namespace strake::sys {

/// Removes what `path` names, recursively. Absent is no error. Directories that another process fills
/// meanwhile are tried again a few times (ENOTEMPTY). A mount point inside is left alone and reported as
/// EBUSY. Uses memory and descriptors that grow with the tree's depth alone. Throws SysError at the first
/// thing that cannot be removed.
void removeTree(const std::string& path);

/// The same for a name in an open directory.
void removeTree(int parent, const std::string& name);

}  // namespace strake::sys
