// One message with a descriptor beside it (SCM_RIGHTS, unix(7)).
#pragma once
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace strake::sys {

/// A SOCK_STREAM connection to the unix socket at `path`. Throws SysError: ENAMETOOLONG past sun_path's 107
/// bytes, ENOENT, ENOTSOCK for a file that is none, ECONNREFUSED where nobody listens.
UniqueFd connectUnix(const std::string& path);

/// Sends `text` in one sendmsg(2), and a copy of `fd` with it (-1: none). `name` is for errors. Throws
/// SysError; no SIGPIPE is raised.
void sendDescriptor(int socket, std::string_view text, int fd, const std::string& name);

}  // namespace strake::sys
