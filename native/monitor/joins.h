// A container that shares namespaces of others. They are looked for at each of its starts, also those that
// its restart policy makes: by then the others may have been started again, and have other namespaces.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/spec.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

/// Whose namespace of that kind is shared.
struct Join {
  runtime::NamespaceKind kind = runtime::NamespaceKind::network;  // pid, ipc or network
  std::string runDirectory;
  bool user = false;  // its user namespace is shared as well
};

/// What is open of others until the container has been launched.
struct Joined {
  std::vector<sys::UniqueFd> namespaces;
  /// Detached mounts by their destinations: with an ipc namespace goes its /dev/shm.
  std::map<std::string, sys::UniqueFd> trees;

  std::map<std::string, int> borrowTrees() const;
};

/// Points the namespaces of `spec` to those of the containers that run now, by descriptors that the answer
/// holds. Throws sys::Error ERR_CONTAINER_STATE for one that does not run.
Joined join(runtime::Spec& spec, const std::vector<Join>& joins);

}  // namespace strake::monitor
