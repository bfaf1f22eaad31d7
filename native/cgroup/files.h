// The text files of a cgroup: read, write, and the translation of a refused write into an error a person can
// act on.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strake::cgroup {

/// One value for one control file.
struct LimitWrite {
  std::string controller;  // "memory"
  std::string file;        // "memory.limit_in_bytes"
  std::string value;
  std::string option;           // its name in the OCI spec's linux.resources: "memory.limit"
  std::string otherFile = {};   // used when `file` is absent ("blkio.bfq.weight")
  std::string otherValue = {};  // for `otherFile` when its scale differs
};

/// A whole control file, or nothing when it is absent or unreadable.
std::optional<std::string> readFile(const std::string& path);

/// The first number of a file ("max" and an absent file are nothing).
std::optional<uint64_t> readNumber(const std::string& path);

/// The number after `key ` at the start of a line of a flat keyed file; 0 when there is none.
uint64_t keyedNumber(std::string_view text, std::string_view key);

/// Opens, writes in one write(2), closes. Returns 0 or an errno.
int writeFile(const std::string& path, std::string_view value) noexcept;

/// Writes every value below `directory`, in order. A value that the kernel refuses with EINVAL is tried once
/// more after the others, because some depend on each other (memory and memsw, quota, period and burst) and
/// which of two must go first depends on what was there before. Throws sys::Error
/// ERR_CGROUP_CONTROLLER_MISSING (no such file), ERR_CGROUP_LIMIT_INVALID (refused), sys::SysError (not
/// permitted).
void writeLimits(const std::string& directory, std::span<const LimitWrite> writes);

/// Throws ERR_CGROUP_CONTROLLER_MISSING for an option that needs `controller`.
[[noreturn]] void throwMissing(std::string_view controller, std::string_view option, std::string_view remedy);

/// Throws ERR_CGROUP_FAILED for a group that is not there.
[[noreturn]] void throwAbsent(std::string_view path);

/// Throws ERR_CGROUP_LIMIT_INVALID.
[[noreturn]] void throwInvalid(std::string_view option, std::string_view value, std::string_view reason);

}  // namespace strake::cgroup
