// The OCI linux.resources as values of control files. Pure functions.
#pragma once
#include <string>
#include <vector>

#include "cgroup/cgroup.h"
#include "cgroup/files.h"

namespace strake::cgroup {

/// For cgroup v1, in the order in which they are to be written; `fresh`: a new group, whose default values
/// (unlimited) need no write. Throws ERR_CGROUP_LIMIT_INVALID / ERR_CGROUP_CONTROLLER_MISSING for what v1
/// cannot express.
std::vector<LimitWrite> v1Limits(const Resources& resources, bool fresh);

/// For cgroup v2, without the devices (a BPF program, device_program.h).
std::vector<LimitWrite> v2Limits(const Resources& resources);

/// cpu.weight (1 to 10000, 100 is the default) for v1 cpu.shares (2 to 262144, 1024 is the default). Both
/// ends and the default are kept, by runc's and crun's quadratic fit over logarithms (runc 1.3.2, crun 1.23);
/// 0 stays 0: unset.
uint64_t cpuWeight(uint64_t shares);

/// io.weight (1 to 10000) for OCI blkio.weight (10 to 1000), linear, both ends kept.
uint64_t ioWeight(uint16_t blkioWeight);

}  // namespace strake::cgroup
