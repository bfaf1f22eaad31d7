// Which process a pid means: with its start time, a pid names one process for ever.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "sys/unique_fd.h"

namespace strake::sys {

/// Field 22 of /proc/PID/stat (clock ticks since boot); nothing when there is no such process, or only its
/// zombie.
std::optional<std::string> processStartTime(pid_t pid);

/// A pidfd of the process that had this pid at that start time, or an empty one when it is gone (kernel 5.3).
UniqueFd openProcess(pid_t pid, const std::string& startTime);

}  // namespace strake::sys
