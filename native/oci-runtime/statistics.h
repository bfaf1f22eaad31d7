// A container's counters in the shape that runc's `events` gives them.
#pragma once
#include <string>

#include "cgroup/cgroup.h"

namespace strake::oci_runtime {

/// One line of JSON: {"type":"stats","id":…,"data":{cpu, memory, pids, blkio, hugetlb, …}}. Times in
/// nanoseconds, sizes in bytes.
std::string statisticsJson(const std::string& id, const cgroup::Cgroup& group);

}  // namespace strake::oci_runtime
