#include "oci-runtime/statistics.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "cgroup/files.h"
#include "oci-runtime/statistics_files.h"

namespace strake::oci_runtime {
namespace {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void number(Json& json, const char* key, uint64_t value) {
  json.Key(key);
  json.Uint64(value);
}

template <typename Body>
void object(Json& json, const char* key, Body body) {
  json.Key(key);
  json.StartObject();
  body();
  json.EndObject();
}

uint64_t numberOf(const cgroup::Cgroup& group, const std::string& name) {
  return std::strtoull(textOf(group, name).c_str(), nullptr, 10);
}

void writePressure(Json& json, const cgroup::Cgroup& group, const char* resource) {
  const auto pressures = pressureOf(group, resource);
  if (!pressures) return;
  object(json, "psi", [&] {
    for (const auto& [name, kind] : {std::pair("some", pressures->some), std::pair("full", pressures->full)})
      object(json, name, [&, kind = kind] {
        for (const auto& [key, value] : {std::pair("avg10", kind.avg10), std::pair("avg60", kind.avg60),
                                         std::pair("avg300", kind.avg300)}) {
          json.Key(key);
          json.Double(value);
        }
        number(json, "total", kind.total);
      });
  });
}

/// Nanoseconds on each processor: v1 alone counts them.
void writePerProcessor(Json& json, const cgroup::Cgroup& group) {
  const std::string text = textOf(group, "cpuacct.usage_percpu");
  if (text.empty()) return;
  json.Key("percpu");
  json.StartArray();
  std::istringstream values(text);
  for (uint64_t value = 0; values >> value;) json.Uint64(value);
  json.EndArray();
}

void writeCpu(Json& json, const cgroup::Cgroup& group, const cgroup::Stats& stats) {
  object(json, "usage", [&] {
    number(json, "total", stats.cpuUsageNs);
    number(json, "kernel", stats.cpuSystemNs);
    number(json, "user", stats.cpuUserNs);
    writePerProcessor(json, group);
  });
  object(json, "throttling", [&] {
    number(json, "periods", stats.periods);
    number(json, "throttledPeriods", stats.throttledPeriods);
    number(json, "throttledTime", stats.throttledNs);
  });
  writePressure(json, group, "cpu");
}

/// One of v1's counters with its limit: "memory" + ".memsw" …
void writeEntry(Json& json, const char* key, const cgroup::Cgroup& group, const std::string& files) {
  if (textOf(group, files + "usage_in_bytes").empty()) return;
  object(json, key, [&] {
    number(json, "limit", numberOf(group, files + "limit_in_bytes"));
    number(json, "usage", numberOf(group, files + "usage_in_bytes"));
    number(json, "max", numberOf(group, files + "max_usage_in_bytes"));
    number(json, "failcnt", numberOf(group, files + "failcnt"));
  });
}

/// Memory and swap together, as runc tells them of both versions.
void writeSwap(Json& json, const cgroup::Cgroup& group, const cgroup::Stats& stats) {
  writeEntry(json, "swap", group, "memory.memsw.");
  if (textOf(group, "memory.swap.current").empty()) return;
  const uint64_t limit = numberOf(group, "memory.swap.max");  // "max" is 0: no limit
  object(json, "swap", [&] {
    number(json, "limit", limit == 0 ? 0 : limit + stats.memoryLimit);
    number(json, "usage", stats.swapUsage + stats.memoryUsage);
    number(json, "failcnt", cgroup::keyedNumber(textOf(group, "memory.swap.events"), "fail"));
  });
}

void writeMemory(Json& json, const cgroup::Cgroup& group, const cgroup::Stats& stats) {
  const std::string raw = textOf(group, "memory.stat");
  number(json, "cache",
         std::max(cgroup::keyedNumber(raw, "cache"), cgroup::keyedNumber(raw, "file")));  // v1, v2
  object(json, "usage", [&] {
    number(json, "limit", stats.memoryLimit);
    number(json, "usage", stats.memoryUsage);
    number(json, "max", stats.memoryMax);
    number(json, "failcnt",
           numberOf(group, "memory.failcnt") + cgroup::keyedNumber(textOf(group, "memory.events"), "max"));
  });
  writeSwap(json, group, stats);
  writeEntry(json, "kernel", group, "memory.kmem.");
  writeEntry(json, "kernelTCP", group, "memory.kmem.tcp.");
  object(json, "raw", [&] {
    std::istringstream lines(raw);
    uint64_t value = 0;
    for (std::string key; lines >> key >> value;) number(json, key.c_str(), value);
  });
  writePressure(json, group, "memory");
}

void writeCounts(Json& json, const char* key, const std::vector<DeviceCount>& counts) {
  json.Key(key);
  json.StartArray();
  for (const DeviceCount& count : counts) {
    json.StartObject();
    number(json, "major", count.major);
    number(json, "minor", count.minor);
    json.Key("op");
    json.String(count.operation.c_str());
    number(json, "value", count.value);
    json.EndObject();
  }
  json.EndArray();
}

void writeBlockIo(Json& json, const cgroup::Cgroup& group) {
  const BlockIo io = blockIoOf(group);
  writeCounts(json, "ioServiceBytesRecursive", io.bytes);
  writeCounts(json, "ioServicedRecursive", io.operations);
  writePressure(json, group, "io");
}

void writeHugePages(Json& json, const cgroup::Cgroup& group) {
  for (const HugePages& pages : hugePagesOf(group))
    object(json, pages.size.c_str(), [&] {
      number(json, "usage", pages.usage);
      number(json, "max", pages.max);
      number(json, "failcnt", pages.failures);
    });
}

}  // namespace

std::string statisticsJson(const std::string& id, const cgroup::Cgroup& group) {
  const cgroup::Stats stats = group.stats();
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  json.Key("type");
  json.String("stats");
  json.Key("id");
  json.String(id.c_str());
  object(json, "data", [&] {
    object(json, "cpu", [&] { writeCpu(json, group, stats); });
    object(json, "memory", [&] { writeMemory(json, group, stats); });
    object(json, "pids", [&] {
      number(json, "current", stats.pids);
      number(json, "limit", stats.pidsLimit);
    });
    object(json, "blkio", [&] { writeBlockIo(json, group); });
    object(json, "hugetlb", [&] { writeHugePages(json, group); });
    object(json, "intel_rdt", [] {});
    json.Key("network_interfaces");
    json.Null();
  });
  json.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace strake::oci_runtime
