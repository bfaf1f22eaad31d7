// The symbolic names of errno values. glibc's strerrorname_np would do, but needs glibc 2.32.
#pragma once

namespace strake::sys {

/// "ENOENT" for 2; "EUNKNOWN" for a number that Linux does not use.
const char* errnoName(int error) noexcept;

}  // namespace strake::sys
