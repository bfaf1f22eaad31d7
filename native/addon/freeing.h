// Descriptors whose closing takes its time: the last one of a file without a name, whose bytes are freed, or
// of a detached mount, which is unmounted. Nobody shall wait for it who does not need the room.
#pragma once
#include <vector>

#include "sys/unique_fd.h"

namespace strake::addon {

/// Closes them on a thread of its own. When the process ends first, the kernel closes them.
void closeLater(std::vector<sys::UniqueFd> files);

/// Waits until all that was handed over by now is closed.
void awaitClosed();

}  // namespace strake::addon
