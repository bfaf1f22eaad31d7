#include <linux/sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <span>

#include "runtime/capabilities.h"
#include "runtime/spec_parts.h"

namespace strake::runtime {
namespace {

/// A row of a name table.
struct Named {
  const char* name;
  int64_t value;
};

int64_t lookUp(std::span<const Named> table, const JsonReader& json) {
  std::string name = json.text();
  for (const Named& row : table)
    if (name == row.name) return row.value;
  json.fail("unknown value \"" + name + "\"");
}

// The largest id that Linux accepts is 2^32 - 2; -1 means "leave alone" to the system calls.
uint32_t parseId(const JsonReader& json) {
  uint32_t id = json.numberOr<uint32_t>(0);
  if (id == std::numeric_limits<uint32_t>::max()) json.fail("4294967295 is not an id");
  return id;
}

User parseUser(const JsonReader& json) {
  User user;
  user.uid = parseId(json["uid"]);
  user.gid = parseId(json["gid"]);
  user.umask = json["umask"].numberIfAny<uint32_t>();
  if (user.umask && *user.umask > 0777) json["umask"].fail("at most 0777 (511)");
  json["additionalGids"].each([&](const JsonReader& gid) { user.additionalGids.push_back(parseId(gid)); });
  return user;
}

constexpr Named rlimitNames[] = {{"RLIMIT_AS", RLIMIT_AS},
                                 {"RLIMIT_CORE", RLIMIT_CORE},
                                 {"RLIMIT_CPU", RLIMIT_CPU},
                                 {"RLIMIT_DATA", RLIMIT_DATA},
                                 {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                                 {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                                 {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                 {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                                 {"RLIMIT_NICE", RLIMIT_NICE},
                                 {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                                 {"RLIMIT_NPROC", RLIMIT_NPROC},
                                 {"RLIMIT_RSS", RLIMIT_RSS},
                                 {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                 {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                                 {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                 {"RLIMIT_STACK", RLIMIT_STACK}};

// -1 is how many writers spell "unlimited" in this unsigned field.
uint64_t parseLimit(const JsonReader& json) {
  if (json && json.isNegativeOne()) return RLIM_INFINITY;
  return json.number<uint64_t>();
}

Rlimit parseRlimit(const JsonReader& json) {
  Rlimit limit;
  limit.resource = static_cast<int>(lookUp(rlimitNames, json["type"]));
  limit.name = json["type"].text();
  limit.soft = parseLimit(json["soft"]);
  limit.hard = parseLimit(json["hard"]);
  if (limit.soft > limit.hard) json.fail("soft is greater than hard");
  return limit;
}

uint64_t parseCapabilitySet(const JsonReader& json, std::vector<std::string>& unknown) {
  uint64_t mask = 0;
  json.each([&](const JsonReader& entry) {
    const std::string name = entry.text();
    if (std::optional<int> number = capabilityNumber(name))
      mask |= uint64_t{1} << *number;
    else if (std::ranges::find(unknown, name) == unknown.end())
      unknown.push_back(name);
  });
  return mask;
}

Capabilities parseCapabilities(const JsonReader& json) {
  Capabilities sets;
  sets.bounding = parseCapabilitySet(json["bounding"], sets.unknown);
  sets.effective = parseCapabilitySet(json["effective"], sets.unknown);
  sets.inheritable = parseCapabilitySet(json["inheritable"], sets.unknown);
  sets.permitted = parseCapabilitySet(json["permitted"], sets.unknown);
  sets.ambient = parseCapabilitySet(json["ambient"], sets.unknown);
  return sets;
}

std::vector<Rlimit> parseRlimits(const JsonReader& json) {
  std::vector<Rlimit> limits;
  json.each([&](const JsonReader& entry) {
    Rlimit limit = parseRlimit(entry);
    for (const Rlimit& other : limits)
      if (other.resource == limit.resource) entry["type"].fail(limit.name + " twice");
    limits.push_back(std::move(limit));
  });
  return limits;
}

constexpr Named policies[] = {
    {"SCHED_OTHER", SCHED_NORMAL},     {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},      {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE}};
constexpr Named schedulerFlags[] = {{"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
                                    {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
                                    {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
                                    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};

Scheduler parseScheduler(const JsonReader& json) {
  Scheduler scheduler;
  scheduler.policy = static_cast<uint32_t>(lookUp(policies, json["policy"]));
  scheduler.nice = json["nice"].numberOr<int32_t>(0);
  scheduler.priority = json["priority"].numberOr<uint32_t>(0);
  json["flags"].each([&](const JsonReader& flag) {
    scheduler.flags |= static_cast<uint64_t>(lookUp(schedulerFlags, flag));
  });
  scheduler.runtime = json["runtime"].numberOr<uint64_t>(0);
  scheduler.deadline = json["deadline"].numberOr<uint64_t>(0);
  scheduler.period = json["period"].numberOr<uint64_t>(0);
  return scheduler;
}

constexpr Named ioClasses[] = {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};

int parseIoPriority(const JsonReader& json) {
  int priority = json["priority"].numberOr<int>(0);
  if (priority < 0 || priority > 7) json["priority"].fail("0 to 7");
  return static_cast<int>(lookUp(ioClasses, json["class"])) << 13 | priority;
}

std::vector<std::string> parseEnvironment(const JsonReader& json) {
  std::vector<std::string> env;
  json.each([&](const JsonReader& entry) {
    std::string text = entry.text();
    if (text.find('=') == std::string::npos || text[0] == '=') entry.fail("expected NAME=value");
    env.push_back(std::move(text));
  });
  return env;
}

void parseScheduling(const JsonReader& json, Process& process) {
  if (json["scheduler"]) process.scheduler = parseScheduler(json["scheduler"]);
  if (json["ioPriority"]) process.ioPriority = parseIoPriority(json["ioPriority"]);
  process.cpuAffinityInitial = json["execCPUAffinity"]["initial"].textOr("");
  process.cpuAffinityFinal = json["execCPUAffinity"]["final"].textOr("");
  process.oomScoreAdj = json["oomScoreAdj"].numberIfAny<int>();
  if (process.oomScoreAdj && (*process.oomScoreAdj < -1000 || *process.oomScoreAdj > 1000))
    json["oomScoreAdj"].fail("-1000 to 1000");
}

}  // namespace

Process parseProcessObject(const JsonReader& json) {
  Process process;
  process.terminal = json["terminal"].booleanOr(false);
  process.consoleSize.rows = json["consoleSize"]["height"].numberOr<uint16_t>(0);
  process.consoleSize.columns = json["consoleSize"]["width"].numberOr<uint16_t>(0);
  process.user = parseUser(json["user"]);
  process.args = json["args"].texts();
  process.env = parseEnvironment(json["env"]);
  process.cwd = json["cwd"].textOr("/");
  if (!process.cwd.starts_with('/')) json["cwd"].fail("must be absolute");
  process.capabilities = parseCapabilities(json["capabilities"]);
  process.rlimits = parseRlimits(json["rlimits"]);
  process.noNewPrivileges = json["noNewPrivileges"].booleanOr(false);
  process.apparmorProfile = json["apparmorProfile"].textOr("");
  process.selinuxLabel = json["selinuxLabel"].textOr("");
  parseScheduling(json, process);
  return process;
}

}  // namespace strake::runtime
