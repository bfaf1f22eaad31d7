// A cgroup on v2 hosts: one directory, controllers delegated from the top down.
#pragma once
#include <memory>
#include <string>

#include "cgroup/cgroup.h"
#include "cgroup/host.h"

namespace strake::cgroup {

/// Contracts as Cgroup::create and Cgroup::open, below `unified.directory`.
std::unique_ptr<Cgroup> createV2(const Hierarchy& unified, const std::string& path,
                                 const Resources& resources);
std::unique_ptr<Cgroup> openV2(const Hierarchy& unified, const std::string& path);

}  // namespace strake::cgroup
