// Capability names and the sets of a process. capabilities(7).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec.h"

namespace strake::runtime {

/// Whether the calling process may mount for others (CAP_SYS_ADMIN where it stands). An ordinary user may
/// not, but his child in a user namespace of its own may for itself.
bool isPrivileged();

/// "CAP_CHOWN" -> 0; nothing for a name that is not a capability.
std::optional<int> capabilityNumber(std::string_view name);

/// "CAP_CHOWN" for 0; empty for a number that no capability has.
std::string_view capabilityName(int number);

/// Of what `sets` asks for: the names that are no capability, and those that the caller does not have and so
/// cannot give ("CAP_SYS_RESOURCE").
std::vector<std::string> missingCapabilities(const Capabilities& sets);

/// Drops from the bounding set what `sets` does not have. Must run before the effective CAP_SETPCAP goes.
void limitBounding(const Capabilities& sets);

/// Sets effective, permitted, inheritable and ambient. `until` is kept, effective, until the exec, which
/// computes all sets anew from the bounding, inheritable and ambient ones (so a filter without no_new_privs
/// can still be installed).
void applyCapabilities(const Capabilities& sets, uint64_t until);

/// While alive the caller acts on files as `uid`:`gid` with every capability that it has: what is created
/// belongs to that user, also on an id-mapped mount, where the host's root has no id at all.
class ActingAs {
 public:
  ActingAs(uint32_t uid, uint32_t gid);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
};

}  // namespace strake::runtime
