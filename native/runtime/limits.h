// Resource limits, scheduling and the like: what a process carries across exec.
#pragma once
#include "runtime/payload.h"

namespace strake::runtime {

/// setrlimit for each. A hard limit above the caller's own needs CAP_SYS_RESOURCE: without it the limit is
/// set as high as allowed, with a warning.
void setLimits(const ChildContext& context, const std::vector<Rlimit>& limits);

/// For a child in a user namespace, from outside: raises hard limits that the child itself may not raise.
void raiseHardLimits(int pid, const std::vector<Rlimit>& limits);

/// Scheduler policy and I/O priority.
void setScheduling(const Process& process);

/// For a child in a user namespace, from outside: its /proc files are not its own once it has changed its
/// ids.
void lowerOomScore(int pid, int score);

/// oom_score_adj; lowering it below the caller's own minimum needs CAP_SYS_RESOURCE: degrades with a warning.
void setOomScore(const ChildContext& context, const Procfs& proc, int score);

}  // namespace strake::runtime
