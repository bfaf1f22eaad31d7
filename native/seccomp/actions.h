// The words of a profile as numbers: actions, flags, architectures.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "seccomp/seccomp.h"
#include "seccomp/syscalls.h"

namespace strake::seccomp {

/// SECCOMP_RET_* with its data. `errnoRet` absent is EPERM (OCI). Throws ERR_SECCOMP_PROFILE_INVALID when the
/// action takes none or it is past 4095.
uint32_t returnValue(Action action, std::optional<uint32_t> errnoRet);

/// SECCOMP_FILTER_FLAG_* of the profile's names. Throws for an unknown one.
unsigned filterFlags(const std::vector<std::string>& names, bool needsListener);

/// The architectures of `names` whose programs can run where `native` is, `native` always among them and
/// first. Throws for a name that the OCI spec does not know; what it knows and this machine cannot run is
/// left out.
std::vector<Arch> architectures(const std::vector<std::string>& names, Arch native);

[[noreturn]] void throwInvalid(const std::string& message);

}  // namespace strake::seccomp
