// rm -r without races: by descriptors, following no link and crossing no mount.
#pragma once
#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace strake::sys {

/// Removes what `path` names, recursively. Absent is no error. Directories that another process fills
/// meanwhile are tried again a few times (ENOTEMPTY). A mount point inside is left alone and reported as
/// EBUSY. Uses memory and descriptors that grow with the tree's depth alone. Throws SysError at the first
/// thing that cannot be removed.
///
/// The kernel frees a file's bytes with its last name or its last descriptor, and what of it is cached takes
/// 40 ms a gigabyte and more. `unlinked`, when given, gets a descriptor of each large file that was removed
/// (64 at most), so that the caller can close them where nobody waits.
void removeTree(const std::string& path, std::vector<UniqueFd>* unlinked = nullptr);

/// The same for a name in an open directory.
void removeTree(int parent, const std::string& name, std::vector<UniqueFd>* unlinked = nullptr);

}  // namespace strake::sys
