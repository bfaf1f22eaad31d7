#include "runtime/limits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "sys/error.h"

namespace strake::runtime {
namespace {

// sched_setattr(2); glibc has no wrapper and <linux/sched/types.h> does not go with <sched.h>.
struct SchedulerAttributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

std::string limitText(rlim_t value) {
  return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

void setAsFarAsAllowed(const ChildContext& context, const Rlimit& limit) {
  rlimit64 now;
  sys::check(prlimit64(0, static_cast<__rlimit_resource>(limit.resource), nullptr, &now), "getrlimit",
             limit.name);
  rlimit64 allowed{std::min<rlim64_t>(limit.soft, now.rlim_max),
                   std::min<rlim64_t>(limit.hard, now.rlim_max)};
  sys::check(prlimit64(0, static_cast<__rlimit_resource>(limit.resource), &allowed, nullptr), "setrlimit",
             limit.name);
  context.warn("ERR_RLIMIT_FAILED", limit.name + " is " + limitText(allowed.rlim_max) + " instead of " +
                                        limitText(limit.hard) + ": raising it needs CAP_SYS_RESOURCE");
}

/// The caller's own; nothing when it cannot be read.
std::optional<int> oomScore(const Procfs& proc) {
  const sys::UniqueFd file = proc.open("self/oom_score_adj", O_RDONLY);
  char text[16] = {};
  if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) return std::nullopt;
  return std::atoi(text);
}

}  // namespace

void setLimits(const ChildContext& context, const std::vector<Rlimit>& limits) {
  for (const Rlimit& limit : limits) {
    rlimit64 wanted{limit.soft, limit.hard};
    if (prlimit64(0, static_cast<__rlimit_resource>(limit.resource), &wanted, nullptr) == 0) continue;
    if (errno != EPERM) sys::throwErrno("setrlimit", limit.name);
    setAsFarAsAllowed(context, limit);
  }
}

void raiseHardLimits(int pid, const std::vector<Rlimit>& limits) {
  for (const Rlimit& limit : limits) {
    auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit64 now;
    sys::check(prlimit64(pid, resource, nullptr, &now), "getrlimit", limit.name);
    if (limit.hard <= now.rlim_max) continue;
    now.rlim_max = limit.hard;
    // What is not allowed here either, the child reports when it sets the limit.
    if (prlimit64(pid, resource, &now, nullptr) < 0 && errno != EPERM)
      sys::throwErrno("setrlimit", limit.name);
  }
}

void setScheduling(const Process& process) {
  if (process.ioPriority)
    sys::check(syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, *process.ioPriority), "ioprio_set");
  if (!process.scheduler) return;
  const Scheduler& asked = *process.scheduler;
  SchedulerAttributes attributes{sizeof attributes, asked.policy,  asked.flags,    asked.nice,
                                 asked.priority,    asked.runtime, asked.deadline, asked.period};
  sys::check(syscall(SYS_sched_setattr, 0, &attributes, 0), "sched_setattr");
}

void lowerOomScore(int pid, int score) {
  const std::string file = std::to_string(pid) + "/oom_score_adj";
  const int error = Procfs(file.c_str()).write(file, std::to_string(score));
  // What is not allowed here either, the child reports.
  if (error != 0 && error != EACCES && error != EPERM) throw sys::SysError(error, "write", "/proc/" + file);
}

void setOomScore(const ChildContext& context, const Procfs& proc, int score) {
  int error = proc.write("self/oom_score_adj", std::to_string(score));
  if ((error == EACCES || error == EPERM) && oomScore(proc) == score) return;
  if (error == EACCES || error == EPERM)
    return context.warn("ERR_PERMISSION", "oom_score_adj is not " + std::to_string(score) +
                                              ": lowering it needs CAP_SYS_RESOURCE");
  if (error != 0) throw sys::SysError(error, "write", "/proc/self/oom_score_adj");
}

}  // namespace strake::runtime
