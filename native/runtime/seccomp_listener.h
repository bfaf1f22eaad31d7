// Handing the seccomp notification descriptor to the agent that the profile names (runtime-spec
// "containerProcessState").
#pragma once
#include "runtime/hooks.h"

namespace strake::runtime {

/// Connects to linux.seccomp.listenerPath and sends the state with `listener`. Nothing to do without that
/// path.
void sendToAgent(int listener, const HookState& state);

}  // namespace strake::runtime
