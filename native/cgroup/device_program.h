// cgroup v2 has no devices controller: a BPF program attached to the group decides each open and mknod
// (Linux 4.15).
#pragma once
#include <linux/bpf.h>

#include <span>
#include <vector>

#include "cgroup/cgroup.h"

namespace strake::cgroup {

/// A BPF_PROG_TYPE_CGROUP_DEVICE program with the meaning that the same list has on v1: rules apply in order,
/// a later one overrides; what no rule names is denied. An allow rule permits an access when all of its bits
/// are in the rule; a deny rule forbids an access that has any bit of the rule. Rules before the last one
/// that covers everything are dropped.
std::vector<bpf_insn> deviceProgram(std::span<const DeviceRule> rules);

/// Loads and attaches the program for `rules` to the group open at `directoryFd`, then detaches what was
/// attached before (by an earlier call), so that no moment is without a program. Throws sys::SysError,
/// ERR_CGROUP_CONTROLLER_MISSING when the kernel has no such programs (CONFIG_CGROUP_BPF).
void attachDeviceProgram(int directoryFd, std::span<const DeviceRule> rules);

}  // namespace strake::cgroup
