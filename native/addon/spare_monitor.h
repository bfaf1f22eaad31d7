// A monitor that has been started already and waits to be told what to do. To start a program takes most of
// a millisecond (execve, and a C library that asks CPUID, which a hypervisor answers), and none of it depends
// on the container.
#pragma once
#include <optional>

#include "addon/spawn.h"

namespace strake::addon {

/// Tells the waiting monitor of `program`, and it is the caller's, as from spawnDetached. Nothing: none
/// waits.
std::optional<Spawned> takeSpare(const std::string& program, const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment);

/// Starts one to wait for the next container, unless there is one. Called once for each start; not for the
/// first of this process: a command line has no second. It ends with this process, and has nothing open but
/// its socket. Blocks like spawnDetached; where it fails there is none.
void keepSpare(const std::string& program) noexcept;

}  // namespace strake::addon
