// Which cgroup hierarchies this host has, and below which directory of each this process may make groups.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/cgroup.h"

namespace strake::cgroup {

struct Hierarchy {
  std::string name;                      // the last component of its mount point: "cpu,cpuacct"
  std::vector<std::string> controllers;  // v1; empty on v2, where cgroup.controllers says
  std::string directory;                 // absolute; groups are made below it
  bool delegated = true;                 // this process may make groups there

  bool has(std::string_view controller) const;
};

struct Host {
  Layout layout = Layout::none;
  std::vector<Hierarchy> v1;         // without named ones (name=systemd is its manager's)
  std::optional<Hierarchy> unified;  // the cgroup2 mount
};

/// Pure: from the texts of /proc/self/mountinfo and /proc/self/cgroup.
///
/// Groups are made directly below a hierarchy's mount point where that is writable, and below the caller's
/// own group otherwise, or as far above it as it is the caller's to write (a user's user@UID.service). The
/// mount point comes first because it is the top of what was delegated to us (the host's root group, or a
/// container's own group seen through a cgroup namespace or a bind mount): a group below the caller's own
/// would share, and be counted in, the limits of the program that happens to call, and would on v2 be
/// forbidden to have controllers at all, since the caller's group holds a process (no internal processes,
/// cgroups(7)).
Host parseHost(std::string_view mountinfo, std::string_view ownGroups,
               const std::function<bool(const std::string& directory)>& writable);

/// This host's, read once.
const Host& host();

}  // namespace strake::cgroup
