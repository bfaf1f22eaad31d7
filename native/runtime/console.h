// The terminal of a container: a pty of the container's own devpts.
#pragma once
#include "runtime/spec.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

struct Console {
  sys::UniqueFd master, slave;
};

/// Opens a pty in the devpts at /dev/pts below `root`, verified to be one (a look-alike is refused;
/// CVE-2025-52565), unlocked and sized. The slave is opened through the master (TIOCGPTPEER), not by a path.
Console openConsole(int root, const ConsoleSize& size);

/// Binds the slave over /dev/console.
void bindConsole(int root, const Console& console);

/// Makes the slave the controlling terminal and descriptors 0, 1 and 2. The caller leads a session.
void useConsole(const Console& console, uint32_t uid);

}  // namespace strake::runtime
