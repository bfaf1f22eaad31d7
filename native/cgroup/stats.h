// The counters of a group, from v1's files and from v2's.
#pragma once
#include <functional>
#include <string>

#include "cgroup/cgroup.h"

namespace strake::cgroup {

/// `file`: the path of a control file of a v1 controller, "" where the group is not in that hierarchy.
/// oomKills is left 0.
Stats v1Stats(const std::function<std::string(const char* controller, const char* name)>& file);

/// From the group at `directory`. What a missing controller would tell stays 0.
Stats v2Stats(const std::string& directory);

}  // namespace strake::cgroup
