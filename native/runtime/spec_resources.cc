#include "runtime/spec_parts.h"

namespace strake::runtime {
namespace {

cgroup::DeviceRule parseDeviceRule(const JsonReader& json) {
  cgroup::DeviceRule rule;
  rule.allow = json["allow"].booleanOr(false);
  std::string type = json["type"].textOr("a");
  if (type != "a" && type != "b" && type != "c") json["type"].fail("expected a, b or c");
  rule.type = type[0];
  rule.major = json["major"].numberOr<int64_t>(-1);
  rule.minor = json["minor"].numberOr<int64_t>(-1);
  rule.access = json["access"].textOr("rwm");
  if (rule.access.empty()) rule.access = "rwm";
  if (rule.access.find_first_not_of("rwm") != std::string::npos)
    json["access"].fail("letters of \"rwm\" only");
  return rule;
}

cgroup::Resources::Memory parseMemory(const JsonReader& json) {
  return {.limit = json["limit"].numberIfAny<int64_t>(),
          .reservation = json["reservation"].numberIfAny<int64_t>(),
          .swap = json["swap"].numberIfAny<int64_t>(),
          .kernel = json["kernel"].numberIfAny<int64_t>(),
          .kernelTcp = json["kernelTCP"].numberIfAny<int64_t>(),
          .swappiness = json["swappiness"].numberIfAny<uint64_t>(),
          .disableOomKiller = json["disableOOMKiller"]
                                  ? std::optional(json["disableOOMKiller"].booleanOr(false))
                                  : std::nullopt,
          .checkBeforeUpdate = json["checkBeforeUpdate"]
                                   ? std::optional(json["checkBeforeUpdate"].booleanOr(false))
                                   : std::nullopt};
}

cgroup::Resources::Cpu parseCpu(const JsonReader& json) {
  return {.shares = json["shares"].numberIfAny<uint64_t>(),
          .period = json["period"].numberIfAny<uint64_t>(),
          .burst = json["burst"].numberIfAny<uint64_t>(),
          .realtimePeriod = json["realtimePeriod"].numberIfAny<uint64_t>(),
          .quota = json["quota"].numberIfAny<int64_t>(),
          .realtimeRuntime = json["realtimeRuntime"].numberIfAny<int64_t>(),
          .idle = json["idle"].numberIfAny<int64_t>(),
          .cpus = json["cpus"].textOr(""),
          .mems = json["mems"].textOr("")};
}

std::vector<cgroup::BlkioDevice> parseBlkioDevices(const JsonReader& json, const char* value) {
  std::vector<cgroup::BlkioDevice> devices;
  json.each([&](const JsonReader& device) {
    if (device["leafWeight"].numberOr<uint16_t>(0) != 0)
      device["leafWeight"].fail("went with the CFQ scheduler in Linux 5.0; leave it out");
    if (!device[value]) return;
    devices.push_back({device["major"].number<int64_t>(), device["minor"].number<int64_t>(),
                       device[value].number<uint64_t>()});
  });
  return devices;
}

cgroup::Resources::Blkio parseBlkio(const JsonReader& json) {
  return {.weight = json["weight"].numberIfAny<uint16_t>(),
          .leafWeight = json["leafWeight"].numberIfAny<uint16_t>(),
          .weightDevice = parseBlkioDevices(json["weightDevice"], "weight"),
          .readBps = parseBlkioDevices(json["throttleReadBpsDevice"], "rate"),
          .writeBps = parseBlkioDevices(json["throttleWriteBpsDevice"], "rate"),
          .readIops = parseBlkioDevices(json["throttleReadIOPSDevice"], "rate"),
          .writeIops = parseBlkioDevices(json["throttleWriteIOPSDevice"], "rate")};
}

/// Of what engines write, everything has an effect but these; an empty object asks for nothing.
void refuseUnsupported(const JsonReader& json) {
  json["rdma"].members([](const std::string&, const JsonReader& device) {
    device.fail("limits of RDMA devices are not supported; leave them out");
  });
  const JsonReader network = json["network"];
  if (network["classID"].numberOr<uint32_t>(0) != 0)
    network["classID"].fail("net_cls is not supported; leave it out");
  network["priorities"].each(
      [](const JsonReader& priority) { priority.fail("net_prio is not supported; leave it out"); });
}

}  // namespace

cgroup::Resources parseResources(const JsonReader& json) {
  refuseUnsupported(json);
  cgroup::Resources resources;
  json["devices"].each([&](const JsonReader& rule) { resources.devices.push_back(parseDeviceRule(rule)); });
  resources.memory = parseMemory(json["memory"]);
  resources.cpu = parseCpu(json["cpu"]);
  resources.pidsLimit = json["pids"]["limit"].numberIfAny<int64_t>();
  resources.blkio = parseBlkio(json["blockIO"]);
  json["hugepageLimits"].each([&](const JsonReader& limit) {
    resources.hugepages.emplace_back(limit["pageSize"].text(), limit["limit"].number<uint64_t>());
  });
  json["unified"].members([&](const std::string& file, const JsonReader& value) {
    if (file.find('/') != std::string::npos) value.fail("a file name, not a path");
    resources.unified.emplace_back(file, value.text());
  });
  return resources;
}

}  // namespace strake::runtime
