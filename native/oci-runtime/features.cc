#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "oci-runtime/commands.h"
#include "runtime/capabilities.h"
#include "runtime/mount_options.h"

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
  static constexpr std::string_view flags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                               "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                               "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  json.Key("seccomp");
  json.StartObject();
  flag(json, "enabled", true);
  names(json, "actions",
        Names{"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
              "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"});
  names(json, "operators",
        Names{"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
              "SCMP_CMP_NE"});
  names(json, "archs",
        Names{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"});
  names(json, "knownFlags", flags);
  names(json, "supportedFlags", flags);
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
  const Options options(words, {}, 0);
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
  json.EndObject();
  json.EndObject();
  print(std::string(buffer.GetString()) + "\n");
  return 0;
}

}  // namespace strake::oci_runtime
