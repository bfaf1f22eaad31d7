// An EROFS file system in files, mounted without a loop device (Linux 6.12, CONFIG_EROFS_FS_BACKED_BY_FILE).
#pragma once
#include <string>

#include "sys/unique_fd.h"

namespace strake::sys {

/// A detached, read-only mount of the file system in the file `index`, whose data are in the file `data`.
/// Paths of any length. Needs CAP_SYS_ADMIN in the initial user namespace. Throws SysError.
UniqueFd mountErofs(const std::string& index, const std::string& data);

}  // namespace strake::sys
