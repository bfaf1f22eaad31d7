// What runc does to linux.resources before they are written.
#pragma once
#include "cgroup/cgroup.h"

namespace strake::oci_runtime {

/// The devices that every container has (config-linux.md "default devices") stay usable whatever the rules of
/// the bundle say; runc appends the same.
cgroup::Resources withDefaultDevices(cgroup::Resources resources);

/// To runc and crun, and so to the engines that write them, a limit of 0 is no limit.
cgroup::Resources withoutZeros(cgroup::Resources resources);

}  // namespace strake::oci_runtime
