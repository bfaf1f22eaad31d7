// OCI hooks: programs that are run at fixed points of a container's life with its state on their standard
// input.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/spec.h"

namespace strake::runtime {

/// What a hook is told (runtime-spec "runtime.md#state").
struct HookState {
  const Spec& spec;
  std::string id;
  std::string status;  // creating, created, running, stopped
  pid_t pid;
  std::string bundle;
};

/// The state as JSON, as hooks and the OCI command `state` give it.
std::string stateJson(const HookState& state);

/// Runs the hooks one after another. Throws sys::Error ERR_LAUNCH_FAILED at the first that fails or exceeds
/// its timeout, with the end of what it wrote to its standard error.
void runHooks(const std::vector<Hook>& hooks, const char* kind, const HookState& state);

/// Runs all of them, whatever becomes of each: for poststart and poststop, where a failure is a warning and
/// "the remaining hooks and lifecycle continue" (runtime.md). Returns what failed. Those without a timeout of
/// their own are killed after `longest` seconds; without that they take as long as they take.
std::vector<std::string> runEveryHook(const std::vector<Hook>& hooks, const char* kind,
                                      const HookState& state, std::optional<int> longest = std::nullopt);

}  // namespace strake::runtime
