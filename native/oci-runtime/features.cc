#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "oci-runtime/commands.h"
#include "runtime/capabilities.h"
#include "runtime/mount_options.h"
#include "seccomp/names.h"

namespace strake::oci_runtime {
namespace {

using Json = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

template <typename List>
void names(Json& json, const char* key, const List& list) {
  json.Key(key);
  json.StartArray();
  for (const std::string_view name : list)
    json.String(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  json.EndArray();
}

using Names = std::initializer_list<std::string_view>;

void flag(Json& json, const char* key, bool value) {
  json.Key(key);
  json.Bool(value);
}

void enabled(Json& json, const char* key, bool value) {
  json.Key(key);
  json.StartObject();
  flag(json, "enabled", value);
  json.EndObject();
}

std::vector<std::string_view> capabilities() {
  std::vector<std::string_view> list;
  for (int n = 0; !runtime::capabilityName(n).empty(); ++n) list.push_back(runtime::capabilityName(n));
  return list;
}

void writeCgroup(Json& json) {
  json.Key("cgroup");
  json.StartObject();
  flag(json, "v1", true);
  flag(json, "v2", true);
  for (const char* absent : {"systemd", "systemdUser", "rdma"}) flag(json, absent, false);
  json.EndObject();
}

void writeSeccomp(Json& json) {
  json.Key("seccomp");
  json.StartObject();
  flag(json, "enabled", true);
  names(json, "actions", seccomp::actionNames());
  names(json, "operators", seccomp::operatorNames());
  names(json, "archs", seccomp::architectureNames());
  names(json, "knownFlags", seccomp::flagNames());
  names(json, "supportedFlags", seccomp::flagNames());
  json.EndObject();
}

void writeLinux(Json& json) {
  json.Key("linux");
  json.StartObject();
  names(json, "namespaces", Names{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"});
  names(json, "capabilities", capabilities());
  writeCgroup(json);
  writeSeccomp(json);
  enabled(json, "apparmor", true);
  enabled(json, "selinux", true);
  enabled(json, "intelRdt", false);
  json.Key("mountExtensions");
  json.StartObject();
  enabled(json, "idmap", true);
  json.EndObject();
  json.EndObject();
}

}  // namespace

/// runtime-spec features.md: what this build knows, whatever the machine it runs on allows.
int features(const Global&, Words words) {
  const Options options(words, {}, none);
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.SetIndent(' ', 4);
  json.StartObject();
  json.Key("ociVersionMin");
  json.String("1.0.0");
  json.Key("ociVersionMax");
  json.String("1.2.0");
  names(json, "hooks",
        Names{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"});
  names(json, "mountOptions", runtime::mountOptionNames());
  writeLinux(json);
  json.Key("annotations");
  json.StartObject();
  json.Key("org.opencontainers.runc.checkpoint.enabled");
  json.String("false");
  json.EndObject();
  names(json, "potentiallyUnsafeConfigAnnotations", Names{});
  json.EndObject();
  print(std::string(buffer.GetString()) + "\n");
  return 0;
}

}  // namespace strake::oci_runtime
