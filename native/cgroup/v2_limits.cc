#include <algorithm>
#include <cmath>

#include "cgroup/limits.h"

namespace strake::cgroup {
namespace {

using Writes = std::vector<LimitWrite>;

constexpr const char* kOnlyV1 = "cgroup v2 has nothing like it; leave the option out";

std::string orMax(int64_t value) {
  return value < 0 ? "max" : std::to_string(value);
}

/// memory.swap.max is swap alone, OCI's swap is memory plus swap.
std::string swapAlone(const Resources::Memory& memory) {
  if (*memory.swap < 0) return "max";
  if (!memory.limit || *memory.limit < 0)
    throwInvalid("memory.swap", std::to_string(*memory.swap), "cgroup v2 needs memory.limit with it");
  if (*memory.swap < *memory.limit)
    throwInvalid("memory.swap", std::to_string(*memory.swap),
                 "it is memory plus swap, so it cannot be less than memory.limit");
  return std::to_string(*memory.swap - *memory.limit);
}

void addMemory(Writes& writes, const Resources::Memory& memory) {
  if (memory.swappiness) throwMissing("memory of cgroup v1", "memory.swappiness", kOnlyV1);
  if (memory.disableOomKiller.value_or(false))
    throwMissing("memory of cgroup v1", "memory.disableOOMKiller", kOnlyV1);
  if (memory.swap) {
    writes.push_back({"memory", "memory.swap.max", swapAlone(memory), "memory.swap"});
  } else if (memory.limit && *memory.limit < 0) {
    writes.push_back({"memory", "memory.swap.max", "max", "memory.limit"});
  }
  if (memory.limit) writes.push_back({"memory", "memory.max", orMax(*memory.limit), "memory.limit"});
  if (memory.reservation)
    writes.push_back({"memory", "memory.low", orMax(*memory.reservation), "memory.reservation"});
}

void addCpu(Writes& writes, const Resources::Cpu& cpu) {
  if (cpu.realtimePeriod) throwMissing("cpu of cgroup v1", "cpu.realtimePeriod", kOnlyV1);
  if (cpu.realtimeRuntime) throwMissing("cpu of cgroup v1", "cpu.realtimeRuntime", kOnlyV1);
  if (cpu.idle) writes.push_back({"cpu", "cpu.idle", std::to_string(*cpu.idle), "cpu.idle"});
  if (cpu.shares && *cpu.shares != 0 && cpu.idle.value_or(0) != 1)  // an idle group has no weight
    writes.push_back({"cpu", "cpu.weight", std::to_string(cpuWeight(*cpu.shares)), "cpu.shares"});
  if (cpu.quota || cpu.period) {
    const int64_t quota = cpu.quota.value_or(-1);
    std::string value = quota <= 0 ? "max" : std::to_string(quota);
    if (cpu.period) value += " " + std::to_string(*cpu.period);
    writes.push_back({"cpu", "cpu.max", value, cpu.quota ? "cpu.quota" : "cpu.period"});
  }
  if (cpu.burst) writes.push_back({"cpu", "cpu.max.burst", std::to_string(*cpu.burst), "cpu.burst"});
  if (!cpu.cpus.empty()) writes.push_back({"cpuset", "cpuset.cpus", cpu.cpus, "cpu.cpus"});
  if (!cpu.mems.empty()) writes.push_back({"cpuset", "cpuset.mems", cpu.mems, "cpu.mems"});
}

std::string deviceKey(const BlkioDevice& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
}

void addIoMax(Writes& writes, const std::vector<BlkioDevice>& devices, const char* key, const char* option) {
  for (const BlkioDevice& device : devices) {
    const std::string rate = device.rate == 0 ? "max" : std::to_string(device.rate);
    writes.push_back({"io", "io.max", deviceKey(device) + key + "=" + rate, option});
  }
}

void addIo(Writes& writes, const Resources::Blkio& blkio) {
  if (blkio.leafWeight && *blkio.leafWeight != 0)
    throwMissing("blkio of cgroup v1", "blkio.leafWeight", kOnlyV1);
  // BFQ's own file has OCI's scale; io.weight (io.cost) has another.
  if (blkio.weight && *blkio.weight != 0)
    writes.push_back({"io", "io.bfq.weight", std::to_string(*blkio.weight), "blkio.weight", "io.weight",
                      "default " + std::to_string(ioWeight(*blkio.weight))});
  for (const BlkioDevice& device : blkio.weightDevice) {
    writes.push_back({"io", "io.bfq.weight", deviceKey(device) + std::to_string(device.rate),
                      "blkio.weightDevice", "io.weight",
                      deviceKey(device) + std::to_string(ioWeight(static_cast<uint16_t>(device.rate)))});
  }
  addIoMax(writes, blkio.readBps, "rbps", "blkio.throttleReadBpsDevice");
  addIoMax(writes, blkio.writeBps, "wbps", "blkio.throttleWriteBpsDevice");
  addIoMax(writes, blkio.readIops, "riops", "blkio.throttleReadIOPSDevice");
  addIoMax(writes, blkio.writeIops, "wiops", "blkio.throttleWriteIOPSDevice");
}

void addUnified(Writes& writes, const std::string& file, const std::string& value) {
  const size_t dot = file.find('.');
  if (dot == 0 || dot == std::string::npos || file.find('/') != std::string::npos)
    throwInvalid("unified", file, "it is no file of a cgroup; write for example memory.high");
  writes.push_back({file.substr(0, dot), file, value, "unified"});
}

}  // namespace

std::vector<LimitWrite> v2Limits(const Resources& resources) {
  Writes writes;
  addMemory(writes, resources.memory);
  addCpu(writes, resources.cpu);
  if (resources.pidsLimit)
    writes.push_back({"pids", "pids.max",
                      *resources.pidsLimit <= 0 ? "max" : std::to_string(*resources.pidsLimit),
                      "pids.limit"});
  addIo(writes, resources.blkio);
  for (const auto& [size, limit] : resources.hugepages)
    writes.push_back({"hugetlb", "hugetlb." + size + ".max", std::to_string(limit), "hugepageLimits"});
  for (const auto& [file, value] : resources.unified) addUnified(writes, file, value);
  return writes;
}

uint64_t cpuWeight(uint64_t shares) {
  if (shares == 0) return 0;
  const double bits = std::log2(static_cast<double>(std::clamp<uint64_t>(shares, 2, 262144)));
  const double exponent = (bits * bits + 125 * bits) / 612.0 - 7.0 / 34.0;
  // The fit passes through 1, 100 and 10000 exactly; the tiny margin keeps ceil from seeing rounding noise
  // above them.
  return static_cast<uint64_t>(std::ceil(std::pow(10.0, exponent) - 1e-9));
}

uint64_t ioWeight(uint16_t blkioWeight) {
  const uint64_t weight = std::clamp<uint64_t>(blkioWeight, 10, 1000);
  return 1 + (weight - 10) * 9999 / 990;
}

}  // namespace strake::cgroup
