#include "cgroup/limits.h"

namespace strake::cgroup {
namespace {

using Writes = std::vector<LimitWrite>;

std::string number(int64_t value) {
  return std::to_string(value);
}

template <typename T>
void add(Writes& writes, const char* controller, const char* file, const std::optional<T>& value,
         const char* option) {
  if (value) writes.push_back({controller, file, std::to_string(*value), option});
}

std::string deviceNumber(int64_t value) {
  return value < 0 ? "*" : std::to_string(value);
}

void addDevice(Writes& writes, const DeviceRule& rule) {
  const char* file = rule.allow ? "devices.allow" : "devices.deny";
  const bool all = rule.type == 'a' && rule.major < 0 && rule.minor < 0;
  if (all && rule.access.size() == 3) {
    writes.push_back({"devices", file, "a", "devices"});
    return;
  }
  // "a" with numbers or with less than rwm is legal in the OCI spec and unknown to v1: it means both kinds.
  for (const char* type : {"b", "c"}) {
    if (rule.type != 'a' && rule.type != *type) continue;
    writes.push_back({"devices", file,
                      std::string(type) + " " + deviceNumber(rule.major) + ":" + deviceNumber(rule.minor) +
                          " " + rule.access,
                      "devices"});
  }
}

bool covers(const DeviceRule& wide, const DeviceRule& rule) {
  const auto within = [](int64_t outer, int64_t inner) { return outer < 0 || inner < 0 || outer == inner; };
  return (wide.type == 'a' || rule.type == 'a' || wide.type == rule.type) && within(wide.major, rule.major) &&
         within(wide.minor, rule.minor) && rule.access.find_first_of(wide.access) != std::string::npos;
}

bool isSame(const DeviceRule& one, const DeviceRule& other) {
  return one.type == other.type && one.major == other.major && one.minor == other.minor;
}

/// v1 keeps one default and a list of exceptions to it, from which only the very same entry is taken out
/// again (cgroup-v1/devices.rst): a device that an exception for many covers would keep what the rule takes
/// away.
void checkDevices(const std::vector<DeviceRule>& rules) {
  bool byDefault = true;
  std::vector<DeviceRule> exceptions;
  for (const DeviceRule& rule : rules) {
    if (rule.type == 'a' && rule.major < 0 && rule.minor < 0 && rule.access.size() == 3) {
      byDefault = rule.allow;
      exceptions.clear();
    } else if (rule.allow != byDefault) {
      exceptions.push_back(rule);
    } else {
      std::erase_if(exceptions, [&](const DeviceRule& exception) { return isSame(exception, rule); });
      for (const DeviceRule& exception : exceptions)
        if (covers(exception, rule))
          throwInvalid(
              "devices",
              std::string(1, rule.type) + " " + deviceNumber(rule.major) + ":" + deviceNumber(rule.minor),
              "cgroup v1 cannot take it out of a wider rule before it; name the devices one by one");
    }
  }
}

void addMemory(Writes& writes, const Resources::Memory& memory, bool fresh) {
  const auto limit = [&](const std::optional<int64_t>& value, const char* file, const char* option) {
    if (value && !(fresh && *value < 0)) writes.push_back({"memory", file, number(*value), option});
  };
  std::optional<int64_t> swap = memory.swap;
  if (!swap && !fresh && memory.limit && *memory.limit < 0)
    swap = -1;  // no limit on memory alone makes no sense
  if (swap && *swap >= 0 && memory.limit && *swap < *memory.limit)
    throwInvalid("memory.swap", number(*swap),
                 "it is memory plus swap, so it cannot be less than memory.limit");
  limit(memory.limit, "memory.limit_in_bytes", "memory.limit");
  limit(swap, "memory.memsw.limit_in_bytes", "memory.swap");
  limit(memory.reservation, "memory.soft_limit_in_bytes", "memory.reservation");
  limit(memory.kernelTcp, "memory.kmem.tcp.limit_in_bytes", "memory.kernelTCP");
  // memory.kernel: the kernel's own limit is obsolete (5.4) and gone (5.16); runc and crun ignore it as well.
  add(writes, "memory", "memory.swappiness", memory.swappiness, "memory.swappiness");
  if (memory.disableOomKiller && (*memory.disableOomKiller || !fresh))
    writes.push_back(
        {"memory", "memory.oom_control", *memory.disableOomKiller ? "1" : "0", "memory.disableOOMKiller"});
}

void addCpu(Writes& writes, const Resources::Cpu& cpu, bool fresh) {
  add(writes, "cpu", "cpu.shares", cpu.shares, "cpu.shares");
  add(writes, "cpu", "cpu.cfs_period_us", cpu.period, "cpu.period");
  if (cpu.quota && !(fresh && *cpu.quota <= 0))
    writes.push_back({"cpu", "cpu.cfs_quota_us", number(*cpu.quota <= 0 ? -1 : *cpu.quota), "cpu.quota"});
  add(writes, "cpu", "cpu.cfs_burst_us", cpu.burst, "cpu.burst");
  add(writes, "cpu", "cpu.rt_period_us", cpu.realtimePeriod, "cpu.realtimePeriod");
  add(writes, "cpu", "cpu.rt_runtime_us", cpu.realtimeRuntime, "cpu.realtimeRuntime");
  add(writes, "cpu", "cpu.idle", cpu.idle, "cpu.idle");
  if (!cpu.cpus.empty()) writes.push_back({"cpuset", "cpuset.cpus", cpu.cpus, "cpu.cpus"});
  if (!cpu.mems.empty()) writes.push_back({"cpuset", "cpuset.mems", cpu.mems, "cpu.mems"});
}

void addPerDevice(Writes& writes, const char* file, const std::vector<BlkioDevice>& devices,
                  const char* option, const char* otherFile = "") {
  for (const BlkioDevice& device : devices) {
    writes.push_back({"blkio", file,
                      number(device.major) + ":" + number(device.minor) + " " + std::to_string(device.rate),
                      option, otherFile});
  }
}

void addBlkio(Writes& writes, const Resources::Blkio& blkio) {
  // CFQ's files went with Linux 5.0, BFQ's carry its name.
  if (blkio.weight && *blkio.weight != 0)
    writes.push_back({"blkio", "blkio.weight", number(*blkio.weight), "blkio.weight", "blkio.bfq.weight"});
  if (blkio.leafWeight && *blkio.leafWeight != 0)
    writes.push_back({"blkio", "blkio.leaf_weight", number(*blkio.leafWeight), "blkio.leafWeight"});
  addPerDevice(writes, "blkio.weight_device", blkio.weightDevice, "blkio.weightDevice",
               "blkio.bfq.weight_device");
  addPerDevice(writes, "blkio.throttle.read_bps_device", blkio.readBps, "blkio.throttleReadBpsDevice");
  addPerDevice(writes, "blkio.throttle.write_bps_device", blkio.writeBps, "blkio.throttleWriteBpsDevice");
  addPerDevice(writes, "blkio.throttle.read_iops_device", blkio.readIops, "blkio.throttleReadIOPSDevice");
  addPerDevice(writes, "blkio.throttle.write_iops_device", blkio.writeIops, "blkio.throttleWriteIOPSDevice");
}

}  // namespace

std::vector<LimitWrite> v1Limits(const Resources& resources, bool fresh) {
  if (!resources.unified.empty())
    throwMissing(resources.unified.front().first, "unified",
                 "this host uses cgroup v1; boot with systemd.unified_cgroup_hierarchy=1");
  Writes writes;
  checkDevices(resources.devices);
  for (const DeviceRule& rule : resources.devices) addDevice(writes, rule);
  addMemory(writes, resources.memory, fresh);
  addCpu(writes, resources.cpu, fresh);
  if (resources.pidsLimit && !(fresh && *resources.pidsLimit <= 0))
    writes.push_back(
        {"pids", "pids.max", *resources.pidsLimit <= 0 ? "max" : number(*resources.pidsLimit), "pids.limit"});
  addBlkio(writes, resources.blkio);
  for (const auto& [size, limit] : resources.hugepages)
    writes.push_back(
        {"hugetlb", "hugetlb." + size + ".limit_in_bytes", std::to_string(limit), "hugepageLimits"});
  return writes;
}

}  // namespace strake::cgroup
