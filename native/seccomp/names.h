// The words of an OCI profile, each in one table: what a profile is parsed by, and what `features` tells.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "seccomp/seccomp.h"

namespace strake::seccomp {

/// "SCMP_ACT_ERRNO" …; nothing for a word that the OCI spec does not know.
std::optional<Action> actionNamed(std::string_view name);
/// "SCMP_CMP_EQ" …
std::optional<Op> operatorNamed(std::string_view name);

/// All of them, sorted.
std::vector<std::string_view> actionNames();
std::vector<std::string_view> operatorNames();
/// SECCOMP_FILTER_FLAG_*, sorted.
std::vector<std::string_view> flagNames();
/// SCMP_ARCH_* that filters are compiled for, sorted. Profiles may name others, which are left out.
std::vector<std::string_view> architectureNames();

}  // namespace strake::seccomp
