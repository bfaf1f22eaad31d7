// The ids of a user namespace. Whoever may not write a map himself (user_namespaces(7)) has it written by
// newuidmap(1) and newgidmap(1), which give what /etc/subuid and /etc/subgid say is his.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace strake::sys {

/// `size` ids from `containerId` inside are `hostId`… outside.
struct IdMap {
  uint32_t containerId = 0;
  uint32_t hostId = 0;
  uint32_t size = 0;
};

/// Writes the uid_map and gid_map of `pid`, a child in a new user namespace. Throws SysError, and Error
/// ERR_NO_SUBORDINATE_IDS with what the programs said.
void writeIdMaps(pid_t pid, const std::vector<IdMap>& uids, const std::vector<IdMap>& gids);

/// True when one id exists in the caller's user namespace, and no more: what belongs to others cannot be
/// told apart there.
bool hasSingleId();

}  // namespace strake::sys
