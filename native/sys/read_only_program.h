// A program of ours, to be executed from where nobody can write it (CVE-2019-5736: a container that makes its
// runtime execute /proc/self/exe gets a descriptor of the runtime's own file, and waits until it can be
// written).
#pragma once
#include <string>

#include "sys/unique_fd.h"

namespace strake::sys {

/// A descriptor whose /proc/self/fd/N can be executed: a detached read-only bind mount of the file
/// (kernel 5.12, and the right to mount), else a sealed copy in memory. One for each path and process, never
/// closed.
int readOnlyProgram(const std::string& path);

/// The two ways. The first is empty when this kernel or this user cannot; the second throws SysError.
UniqueFd readOnlyMount(const std::string& path);
UniqueFd sealedCopy(const std::string& path);

}  // namespace strake::sys
