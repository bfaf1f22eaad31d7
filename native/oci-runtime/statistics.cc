#include "oci-runtime/statistics.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <sstream>

#include "cgroup/files.h"

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

/// A file of the group in whichever hierarchy has it; "" when none has.
std::string textOf(const cgroup::Cgroup& group, const char* name) {
  for (const cgroup::Directory& directory : group.directories())
    if (auto text = cgroup::readFile(directory.path + "/" + name)) return *text;
  return "";
}

void writeCpu(Json& json, const cgroup::Stats& stats) {
  object(json, "usage", [&] {
    number(json, "total", stats.cpuUsageNs);
    number(json, "kernel", stats.cpuSystemNs);
    number(json, "user", stats.cpuUserNs);
  });
  object(json, "throttling", [&] {
    number(json, "periods", stats.periods);
    number(json, "throttledPeriods", stats.throttledPeriods);
    number(json, "throttledTime", stats.throttledNs);
  });
}

void writeMemory(Json& json, const cgroup::Stats& stats, const std::string& raw) {
  number(json, "cache",
         std::max(cgroup::keyedNumber(raw, "cache"), cgroup::keyedNumber(raw, "file")));  // v1, v2
  object(json, "usage", [&] {
    number(json, "limit", stats.memoryLimit);
    number(json, "usage", stats.memoryUsage);
    number(json, "max", stats.memoryMax);
  });
  object(json, "swap", [&] { number(json, "usage", stats.swapUsage); });
  object(json, "raw", [&] {
    std::istringstream lines(raw);
    uint64_t value = 0;
    for (std::string key; lines >> key >> value;) number(json, key.c_str(), value);
  });
}

void writeIo(Json& json, const char* key, uint64_t reads, uint64_t writes) {
  json.Key(key);
  json.StartArray();
  for (const auto& [operation, value] : {std::pair("Read", reads), std::pair("Write", writes)}) {
    json.StartObject();
    number(json, "major", 0);  // the sum of all devices
    number(json, "minor", 0);
    json.Key("op");
    json.String(operation);
    number(json, "value", value);
    json.EndObject();
  }
  json.EndArray();
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
    object(json, "cpu", [&] { writeCpu(json, stats); });
    object(json, "memory", [&] { writeMemory(json, stats, textOf(group, "memory.stat")); });
    object(json, "pids", [&] {
      number(json, "current", stats.pids);
      number(json, "limit", stats.pidsLimit);
    });
    object(json, "blkio", [&] {
      writeIo(json, "ioServiceBytesRecursive", stats.readBytes, stats.writeBytes);
      writeIo(json, "ioServicedRecursive", stats.readOps, stats.writeOps);
    });
    object(json, "hugetlb", [] {});
    object(json, "intel_rdt", [] {});
    json.Key("network_interfaces");
    json.Null();
  });
  json.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace strake::oci_runtime
