// "0-3,7": a list of processors, as cpuset(7) writes it.
#pragma once
#include <string>
#include <vector>

namespace strake::runtime {

/// The processors, ascending ranges as written. Throws ERR_SPEC_INVALID for anything else, or a number above
/// 8191.
std::vector<unsigned> parseCpuList(const std::string& list);

/// sched_setaffinity(2) of the caller; an empty list changes nothing.
void setAffinity(const std::string& list);

}  // namespace strake::runtime
