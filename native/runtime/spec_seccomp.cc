#include "runtime/spec_parts.h"

namespace strake::runtime {
namespace {

using seccomp::Action;
using seccomp::Op;

template <typename Value, size_t count>
Value lookUp(const std::pair<const char*, Value> (&table)[count], const JsonReader& json) {
  std::string name = json.text();
  for (const auto& [known, value] : table)
    if (name == known) return value;
  throw sys::Error("ERR_SECCOMP_PROFILE_INVALID", json.path() + ": unknown value \"" + name + "\"");
}

constexpr std::pair<const char*, Action> actions[] = {{"SCMP_ACT_KILL", Action::killThread},
                                                      {"SCMP_ACT_KILL_THREAD", Action::killThread},
                                                      {"SCMP_ACT_KILL_PROCESS", Action::killProcess},
                                                      {"SCMP_ACT_TRAP", Action::trap},
                                                      {"SCMP_ACT_ERRNO", Action::errnoReturn},
                                                      {"SCMP_ACT_TRACE", Action::trace},
                                                      {"SCMP_ACT_LOG", Action::log},
                                                      {"SCMP_ACT_ALLOW", Action::allow},
                                                      {"SCMP_ACT_NOTIFY", Action::notify}};

constexpr std::pair<const char*, Op> operators[] = {
    {"SCMP_CMP_NE", Op::notEqual},          {"SCMP_CMP_LT", Op::less},
    {"SCMP_CMP_LE", Op::lessEqual},         {"SCMP_CMP_EQ", Op::equal},
    {"SCMP_CMP_GE", Op::greaterEqual},      {"SCMP_CMP_GT", Op::greater},
    {"SCMP_CMP_MASKED_EQ", Op::maskedEqual}};

seccomp::ArgRule parseArg(const JsonReader& json) {
  seccomp::ArgRule arg;
  arg.index = json["index"].number<unsigned>();
  if (arg.index > 5) json["index"].fail("a system call has arguments 0 to 5");
  arg.value = json["value"].number<uint64_t>();
  arg.valueTwo = json["valueTwo"].numberOr<uint64_t>(0);
  arg.op = lookUp(operators, json["op"]);
  return arg;
}

seccomp::SyscallRule parseRule(const JsonReader& json) {
  seccomp::SyscallRule rule;
  rule.names = json["names"].texts();
  rule.action = lookUp(actions, json["action"]);
  rule.errnoRet = json["errnoRet"].numberIfAny<uint32_t>();
  json["args"].each([&](const JsonReader& arg) { rule.args.push_back(parseArg(arg)); });
  return rule;
}

}  // namespace

seccomp::Profile parseSeccomp(const JsonReader& json) {
  seccomp::Profile profile;
  profile.defaultAction = lookUp(actions, json["defaultAction"]);
  profile.defaultErrnoRet = json["defaultErrnoRet"].numberIfAny<uint32_t>();
  profile.architectures = json["architectures"].texts();
  profile.flags = json["flags"].texts();
  profile.listenerPath = json["listenerPath"].textOr("");
  profile.listenerMetadata = json["listenerMetadata"].textOr("");
  json["syscalls"].each([&](const JsonReader& rule) { profile.syscalls.push_back(parseRule(rule)); });
  return profile;
}

}  // namespace strake::runtime
