#include <sys/personality.h>

#include <algorithm>

#include "runtime/spec_parts.h"

namespace strake::runtime {
namespace {

NamespaceKind parseKind(const JsonReader& json) {
  static constexpr std::pair<const char*, NamespaceKind> kinds[] = {
      {"mount", NamespaceKind::mount}, {"pid", NamespaceKind::pid},         {"uts", NamespaceKind::uts},
      {"ipc", NamespaceKind::ipc},     {"network", NamespaceKind::network}, {"cgroup", NamespaceKind::cgroup},
      {"user", NamespaceKind::user},   {"time", NamespaceKind::time}};
  std::string name = json.text();
  for (const auto& [known, kind] : kinds)
    if (name == known) return kind;
  json.fail("unknown namespace type \"" + name + "\"");
}

std::vector<Namespace> parseNamespaces(const JsonReader& json) {
  std::vector<Namespace> namespaces;
  json.each([&](const JsonReader& entry) {
    Namespace ns{parseKind(entry["type"]), entry["path"].textOr("")};
    if (!ns.path.empty() && ns.path[0] != '/') entry["path"].fail("must be absolute");
    for (const Namespace& other : namespaces)
      if (other.kind == ns.kind) entry["type"].fail("the same type twice");
    namespaces.push_back(std::move(ns));
  });
  return namespaces;
}

char parseDeviceType(const JsonReader& json) {
  std::string type = json.text();
  if (type != "c" && type != "b" && type != "u" && type != "p") json.fail("expected c, b, u or p");
  return type[0];
}

Device parseDevice(const JsonReader& json) {
  Device device;
  device.path = json["path"].text();
  if (!device.path.starts_with('/')) json["path"].fail("must be absolute");
  device.type = parseDeviceType(json["type"]);
  if (device.type != 'p') {
    device.major = json["major"].number<int64_t>();
    device.minor = json["minor"].number<int64_t>();
    if (device.major < 0 || device.minor < 0) json.fail("a node needs a major and a minor number");
  }
  device.mode = json["fileMode"].numberOr<uint32_t>(0666) & 07777;
  device.uid = json["uid"].numberOr<uint32_t>(0);
  device.gid = json["gid"].numberOr<uint32_t>(0);
  return device;
}

std::string parsePropagation(const JsonReader& json) {
  std::string value = json.textOr("");
  if (value.starts_with('r')) value.erase(0, 1);  // "rslave" and "slave" mean the same here
  static constexpr const char* known[] = {"", "shared", "slave", "private", "unbindable"};
  if (std::find(std::begin(known), std::end(known), value) == std::end(known))
    json.fail("expected shared, slave, private or unbindable");
  return value;
}

std::optional<unsigned> parsePersonality(const JsonReader& json) {
  if (!json) return std::nullopt;
  if (json["flags"] && !json["flags"].texts().empty()) json["flags"].fail("no flag is supported");
  std::string domain = json["domain"].text();
  if (domain == "LINUX") return PER_LINUX;
  if (domain == "LINUX32") return PER_LINUX32;
  json["domain"].fail("expected LINUX or LINUX32");
}

std::optional<TimeOffset> parseTimeOffset(const JsonReader& json) {
  if (!json) return std::nullopt;
  TimeOffset offset{json["secs"].numberOr<int64_t>(0), json["nanosecs"].numberOr<uint32_t>(0)};
  if (offset.nanoseconds >= 1000000000) json["nanosecs"].fail("less than one second");
  return offset;
}

/// What has no effect here is refused by its name rather than left out in silence.
void refuseUnsupported(const JsonReader& json) {
  if (json["intelRdt"]) json["intelRdt"].fail("Intel RDT is not supported; leave it out");
  if (!json["mountLabel"].textOr("").empty())
    json["mountLabel"].fail("SELinux labels of mounts are not supported; leave it out");
  for (const char* name : {"netDevices", "memoryPolicy"})  // runtime-spec 1.3
    if (json[name]) json[name].fail("not supported, it came with runtime-spec 1.3; leave it out");
}

}  // namespace

std::vector<IdMap> parseIdMaps(const JsonReader& json) {
  std::vector<IdMap> maps;
  json.each([&](const JsonReader& entry) {
    IdMap map{entry["containerID"].number<uint32_t>(), entry["hostID"].number<uint32_t>(),
              entry["size"].number<uint32_t>()};
    if (map.size == 0) entry["size"].fail("must be greater than zero");
    constexpr uint64_t end = uint64_t{1} << 32;
    if (uint64_t{map.containerId} + map.size > end || uint64_t{map.hostId} + map.size > end)
      entry.fail("the range ends after 4294967295");
    maps.push_back(map);
  });
  if (maps.size() > 340) json.fail("more than 340 mappings");  // user_namespaces(7)
  return maps;
}

Linux parseLinux(const JsonReader& json) {
  refuseUnsupported(json);
  Linux out;
  out.namespaces = parseNamespaces(json["namespaces"]);
  out.uidMappings = parseIdMaps(json["uidMappings"]);
  out.gidMappings = parseIdMaps(json["gidMappings"]);
  json["devices"].each([&](const JsonReader& device) { out.devices.push_back(parseDevice(device)); });
  out.cgroupsPath = json["cgroupsPath"].textOr("");
  out.resources = parseResources(json["resources"]);
  out.rootfsPropagation = parsePropagation(json["rootfsPropagation"]);
  if (json["seccomp"]) out.seccomp = parseSeccomp(json["seccomp"]);
  json["sysctl"].members(
      [&](const std::string& name, const JsonReader& value) { out.sysctl.emplace_back(name, value.text()); });
  out.maskedPaths = json["maskedPaths"].texts();
  out.readonlyPaths = json["readonlyPaths"].texts();
  out.personality = parsePersonality(json["personality"]);
  out.monotonicOffset = parseTimeOffset(json["timeOffsets"]["monotonic"]);
  out.boottimeOffset = parseTimeOffset(json["timeOffsets"]["boottime"]);
  return out;
}

}  // namespace strake::runtime
