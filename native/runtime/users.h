// Who the payload runs as. Names are looked up in the container's own /etc/passwd and /etc/group, which are
// hostile: read through a descriptor, regular files only, bounded in size. Must be called inside the
// container's root.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/launch.h"

namespace strake::runtime {

struct Credentials {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;  // supplementary
  std::string home = "/";
};

/// Resolves as `docker run -u` and `--group-add` do. Throws ERR_USER_NOT_FOUND, ERR_GROUP_NOT_FOUND, and
/// refuses ids above 2^31 - 1, which would wrap (CVE-2024-40635).
Credentials resolveCredentials(const User& user, const UserByName& byName);

/// The same from the files' text: for resolveCredentials() and its tests.
Credentials resolveCredentials(const User& user, const UserByName& byName, std::string_view passwd,
                               std::string_view group);

}  // namespace strake::runtime
