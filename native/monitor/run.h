// The two things that a monitor does.
#pragma once
#include <memory>

#include "monitor/monitor.h"

namespace strake::monitor {

/// Runs the container whose bundle is in the monitor's directory, from its cgroup to its removal, and again
/// as its restart policy says. Returns the monitor's own exit code: 0 when the container ran, however it
/// ended.
int runContainer(std::unique_ptr<Monitor> monitor);

/// Runs exec.json's process in a running container.
int runExec(Monitor& monitor);

}  // namespace strake::monitor
