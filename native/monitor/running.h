// The process that runs in a container, as another monitor recorded it.
#pragma once
#include <string>

#include "monitor/json.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

/// The container's init, as state.json names it, held by a descriptor so that it cannot become another
/// process.
struct Running {
  State state;
  sys::UniqueFd pidfd;
};

/// The container of that run directory. Throws sys::Error ERR_CONTAINER_STATE when it does not run.
Running findRunning(const std::string& directory);

}  // namespace strake::monitor
