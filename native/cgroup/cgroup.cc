#include "cgroup/cgroup.h"

#include "cgroup/host.h"
#include "cgroup/v1_group.h"
#include "cgroup/v2_group.h"
#include "sys/error.h"

namespace strake::cgroup {

std::unique_ptr<Cgroup> Cgroup::create(const std::string& path, const Resources& resources) {
  switch (layout()) {
    case Layout::v1:
    case Layout::hybrid:  // where v1 hierarchies exist they own the controllers
      return createV1(host(), path, resources);
    case Layout::v2:
      return createV2(*host().unified, path, resources);
    case Layout::none:
      break;
  }
  throw sys::Error("ERR_CGROUP_FAILED",
                   "no cgroup file system is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup, or give the "
                   "container none");
}

std::unique_ptr<Cgroup> Cgroup::open(const std::string& path) {
  if (layout() == Layout::v2) return openV2(*host().unified, path);
  return openV1(host(), path);
}

}  // namespace strake::cgroup
