// Files without names whose bytes are still to be freed: that takes as long as they are large, and nobody
// shall wait for it who does not need the room.
#pragma once
#include <vector>

#include "sys/unique_fd.h"

namespace strake::addon {

/// Closes them on a thread of its own. When the process ends first, the kernel closes them.
void closeLater(std::vector<sys::UniqueFd> files);

/// Waits until all that was handed over by now is closed.
void awaitClosed();

}  // namespace strake::addon
