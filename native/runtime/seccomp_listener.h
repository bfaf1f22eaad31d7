// Handing the seccomp notification descriptor to the agent that the profile names (runtime-spec
// "containerProcessState").
#pragma once
#include "runtime/hooks.h"

namespace strake::runtime {

/// Connects to linux.seccomp.listenerPath and sends the state of the container, the pid of the process that
/// the filter holds, and `listener`. Nothing to do without that path. Throws SysError.
void sendToAgent(int listener, pid_t process, const HookState& container);

}  // namespace strake::runtime
