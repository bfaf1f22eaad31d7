#include "runtime/steps.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace strake::runtime {
namespace {

struct Row {
  const char* name;
  const char* code;
};

// In the order of the enumeration.
constexpr Row table[] = {
    {"clone", "ERR_NAMESPACE_FAILED"},   {"user_namespace", "ERR_NAMESPACE_FAILED"},
    {"cgroup", "ERR_CGROUP_FAILED"},     {"namespaces", "ERR_NAMESPACE_FAILED"},
    {"network", "ERR_NAMESPACE_FAILED"}, {"hostname", "ERR_NAMESPACE_FAILED"},
    {"sysctl", "ERR_SYSCTL_FAILED"},     {"rootfs", "ERR_MOUNT_FAILED"},
    {"mount", "ERR_MOUNT_FAILED"},       {"devices", "ERR_DEVICE_INVALID"},
    {"console", "ERR_LAUNCH_FAILED"},    {"masks", "ERR_MOUNT_FAILED"},
    {"hook", "ERR_LAUNCH_FAILED"},       {"pivot_root", "ERR_MOUNT_FAILED"},
    {"user", "ERR_LAUNCH_FAILED"},       {"cwd", "ERR_CWD_INVALID"},
    {"stdio", "ERR_LAUNCH_FAILED"},      {"wait", "ERR_LAUNCH_FAILED"},
    {"rlimits", "ERR_RLIMIT_FAILED"},    {"scheduling", "ERR_LAUNCH_FAILED"},
    {"labels", "ERR_LAUNCH_FAILED"},     {"capabilities", "ERR_LAUNCH_FAILED"},
    {"seccomp", "ERR_LAUNCH_FAILED"},    {"exec", "ERR_LAUNCH_FAILED"},
};
static_assert(sizeof table / sizeof *table == static_cast<size_t>(Step::exec) + 1);

}  // namespace

const char* stepName(Step step) {
  return table[static_cast<size_t>(step)].name;
}
const char* stepCode(Step step) {
  return table[static_cast<size_t>(step)].code;
}

std::string explain(const sys::SysError& error) {
  std::string text = error.what();
  if (error.error() == ENOSYS) return text + "; containers need Linux 5.12 or later";
  if (error.error() == ENOSPC && error.call() == "clone3")
    return text + "; raise the limit in /proc/sys/user/max_*_namespaces";
  if (error.error() == EOPNOTSUPP && error.call() == "clone3")
    return text +
           "; the container's cgroup is \"domain invalid\": a group above it has processes of its own and " +
           "gives controllers to its children; move its processes into a child group";
  if (error.error() == EPERM && geteuid() != 0)
    return text + (error.call() == "clone3"
                       ? "; this user may not make namespaces like these: see `strake system info`"
                       : "; an ordinary user may not: see docs/rootless.md, or run it as root");
  if (error.error() == EPERM && (error.call() == "clone3" || error.call() == "mount_setattr"))
    return text + "; this needs CAP_SYS_ADMIN, which a container around this one may have taken away";
  return text;
}

int64_t monotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

void Steps::finish() {
  finished_.push_back({current_, monotonicNow()});
}

std::vector<Steps::Finished> Steps::finished() const {
  Steps copy = *this;
  copy.finish();
  return copy.finished_;
}

}  // namespace strake::runtime
