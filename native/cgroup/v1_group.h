// A cgroup on v1 and hybrid hosts: one directory in every hierarchy that is needed.
#pragma once
#include <memory>
#include <string>

#include "cgroup/cgroup.h"
#include "cgroup/host.h"

namespace strake::cgroup {

/// Contracts as Cgroup::create and Cgroup::open, on the hierarchies of `host`.
std::unique_ptr<Cgroup> createV1(const Host& host, const std::string& path, const Resources& resources);
std::unique_ptr<Cgroup> openV1(const Host& host, const std::string& path);

}  // namespace strake::cgroup
