#include <algorithm>

#include "runtime/spec_parts.h"
#include "seccomp/names.h"

namespace strake::runtime {
namespace {

template <typename Value>
Value lookUp(std::optional<Value> (*find)(std::string_view), const JsonReader& json) {
  const std::string name = json.text();
  if (const std::optional<Value> found = find(name)) return *found;
  throw sys::Error("ERR_SECCOMP_PROFILE_INVALID", json.path() + ": unknown value \"" + name + "\"");
}

seccomp::ArgRule parseArg(const JsonReader& json) {
  seccomp::ArgRule arg;
  arg.index = json["index"].number<unsigned>();
  if (arg.index > 5) json["index"].fail("a system call has arguments 0 to 5");
  arg.value = json["value"].number<uint64_t>();
  arg.valueTwo = json["valueTwo"].numberOr<uint64_t>(0);
  arg.op = lookUp(seccomp::operatorNamed, json["op"]);
  return arg;
}

seccomp::SyscallRule parseRule(const JsonReader& json) {
  seccomp::SyscallRule rule;
  rule.names = json["names"].texts();
  if (rule.names.empty()) json["names"].fail("at least one system call");
  rule.action = lookUp(seccomp::actionNamed, json["action"]);
  rule.errnoRet = json["errnoRet"].numberIfAny<uint32_t>();
  json["args"].each([&](const JsonReader& arg) { rule.args.push_back(parseArg(arg)); });
  return rule;
}

/// The agent is handed the descriptor by the process that the filter holds already.
void checkNotify(const JsonReader& json, const seccomp::Profile& profile) {
  if (profile.listenerPath.empty() && !profile.listenerMetadata.empty())
    json["listenerMetadata"].fail("there is no listenerPath that it could be sent to");
  for (const seccomp::SyscallRule& rule : profile.syscalls) {
    if (rule.action != seccomp::Action::notify) continue;
    if (profile.listenerPath.empty())
      json["listenerPath"].fail("SCMP_ACT_NOTIFY needs the socket of an agent there");
    if (rule.args.empty() && std::ranges::find(rule.names, "sendmsg") != rule.names.end())
      json["syscalls"].fail("SCMP_ACT_NOTIFY cannot be used for sendmsg: the agent is reached by it");
  }
}

}  // namespace

seccomp::Profile parseSeccomp(const JsonReader& json) {
  seccomp::Profile profile;
  profile.defaultAction = lookUp(seccomp::actionNamed, json["defaultAction"]);
  profile.defaultErrnoRet = json["defaultErrnoRet"].numberIfAny<uint32_t>();
  profile.architectures = json["architectures"].texts();
  profile.flags = json["flags"].texts();
  profile.listenerPath = json["listenerPath"].textOr("");
  profile.listenerMetadata = json["listenerMetadata"].textOr("");
  json["syscalls"].each([&](const JsonReader& rule) { profile.syscalls.push_back(parseRule(rule)); });
  checkNotify(json, profile);
  return profile;
}

}  // namespace strake::runtime
