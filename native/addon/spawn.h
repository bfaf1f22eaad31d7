// Starting a monitor.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace strake::addon {

struct Spawned {
  pid_t pid = -1;
  sys::UniqueFd socket;  // the other end is the child's descriptor 3
};

/// posix_spawn (CLONE_VM | CLONE_VFORK: as fast in a large process as in a small one) of `program`, from a
/// read-only view of its file, with the arguments after argv[0] and nothing but `environment`. The child
/// leads a session of its own, has default signal handling, /dev/null as 0, 1 and 2, and is reaped. Blocks
/// until its execve. Throws SysError.
Spawned spawnDetached(const std::string& program, const std::vector<std::string>& arguments,
                      const std::vector<std::string>& environment);

}  // namespace strake::addon
