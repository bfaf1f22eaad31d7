// What `events` tells beyond cgroup::Stats, from the files of a group: per device, per size of huge pages,
// pressure. Whichever of v1's and v2's files exist are read; what neither has is left out.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cgroup/cgroup.h"

namespace strake::oci_runtime {

/// A file of the group in whichever hierarchy has it; "" when none has.
std::string textOf(const cgroup::Cgroup& group, const std::string& name);

/// One counter of one block device: "Read", "Write", "Discard", on v1 also "Sync" and "Async".
struct DeviceCount {
  uint64_t major = 0, minor = 0;
  std::string operation;
  uint64_t value = 0;
};

struct BlockIo {
  std::vector<DeviceCount> bytes, operations;
};
BlockIo blockIoOf(const cgroup::Cgroup& group);

struct HugePages {
  std::string size;  // "2MB"
  uint64_t usage = 0, max = 0, failures = 0;
};
/// Of every size that this machine has, where the group is in the hugetlb controller.
std::vector<HugePages> hugePagesOf(const cgroup::Cgroup& group);

/// One line of a pressure file: percent of the time, and microseconds.
struct Pressure {
  double avg10 = 0, avg60 = 0, avg300 = 0;
  uint64_t total = 0;
};
struct Pressures {
  Pressure some, full;
};
/// Of "cpu", "memory" or "io" (cgroup v2, CONFIG_PSI).
std::optional<Pressures> pressureOf(const cgroup::Cgroup& group, const std::string& resource);

}  // namespace strake::oci_runtime
