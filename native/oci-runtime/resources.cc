#include "oci-runtime/resources.h"

namespace strake::oci_runtime {

cgroup::Resources withDefaultDevices(cgroup::Resources resources) {
  if (resources.devices.empty()) return resources;
  const auto allow = [&](char type, int64_t major, int64_t minor, const char* access = "rwm") {
    resources.devices.push_back({true, type, major, minor, access});
  };
  allow('c', -1, -1, "m");
  allow('b', -1, -1, "m");
  for (const int64_t minor : {3, 5, 7, 8, 9}) allow('c', 1, minor);  // null, zero, full, random, urandom
  for (const int64_t minor : {0, 1, 2}) allow('c', 5, minor);        // tty, console, ptmx
  allow('c', 136, -1);                                               // pts
  return resources;
}

cgroup::Resources withoutZeros(cgroup::Resources resources) {
  const auto drop = [](auto&... limits) { ((limits == 0 ? limits.reset() : void()), ...); };
  auto& [limit, reservation, swap, kernel, kernelTcp, swappiness, noOomKiller, check] = resources.memory;
  drop(limit, reservation, swap, kernel, kernelTcp);
  auto& cpu = resources.cpu;
  drop(cpu.shares, cpu.period, cpu.quota, cpu.realtimePeriod, cpu.realtimeRuntime);
  drop(resources.pidsLimit, resources.blkio.weight, resources.blkio.leafWeight);
  return resources;
}

}  // namespace strake::oci_runtime
