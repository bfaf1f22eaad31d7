// The child's half of launch(): from the moment it is born into its namespaces to the exec.
#pragma once
#include "runtime/launch.h"
#include "runtime/payload.h"

namespace strake::runtime {

/// Prepares the container and executes its payload; never returns. Failures go to the launcher as
/// Message::failed.
[[noreturn]] void runInit(const LaunchRequest& request, const seccomp::Filter* filter, SyncSocket sync,
                          Steps steps);

/// Sends what is being thrown as Message::failed and ends the process. For use in a catch block.
[[noreturn]] void reportFailureAndExit(const SyncSocket& sync, const Steps& steps) noexcept;

/// True when a hook has to run outside while the child waits before pivot_root.
bool hasRuntimeHooks(const Hooks& hooks);

}  // namespace strake::runtime
