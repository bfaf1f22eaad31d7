#include "runtime/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sys/error.h"

namespace strake::runtime {
namespace {

constexpr std::array<std::string_view, 41> names = {"CAP_CHOWN",
                                                    "CAP_DAC_OVERRIDE",
                                                    "CAP_DAC_READ_SEARCH",
                                                    "CAP_FOWNER",
                                                    "CAP_FSETID",
                                                    "CAP_KILL",
                                                    "CAP_SETGID",
                                                    "CAP_SETUID",
                                                    "CAP_SETPCAP",
                                                    "CAP_LINUX_IMMUTABLE",
                                                    "CAP_NET_BIND_SERVICE",
                                                    "CAP_NET_BROADCAST",
                                                    "CAP_NET_ADMIN",
                                                    "CAP_NET_RAW",
                                                    "CAP_IPC_LOCK",
                                                    "CAP_IPC_OWNER",
                                                    "CAP_SYS_MODULE",
                                                    "CAP_SYS_RAWIO",
                                                    "CAP_SYS_CHROOT",
                                                    "CAP_SYS_PTRACE",
                                                    "CAP_SYS_PACCT",
                                                    "CAP_SYS_ADMIN",
                                                    "CAP_SYS_BOOT",
                                                    "CAP_SYS_NICE",
                                                    "CAP_SYS_RESOURCE",
                                                    "CAP_SYS_TIME",
                                                    "CAP_SYS_TTY_CONFIG",
                                                    "CAP_MKNOD",
                                                    "CAP_LEASE",
                                                    "CAP_AUDIT_WRITE",
                                                    "CAP_AUDIT_CONTROL",
                                                    "CAP_SETFCAP",
                                                    "CAP_MAC_OVERRIDE",
                                                    "CAP_MAC_ADMIN",
                                                    "CAP_SYSLOG",
                                                    "CAP_WAKE_ALARM",
                                                    "CAP_BLOCK_SUSPEND",
                                                    "CAP_AUDIT_READ",
                                                    "CAP_PERFMON",
                                                    "CAP_BPF",
                                                    "CAP_CHECKPOINT_RESTORE"};

void setAmbient(uint64_t ambient) {
  sys::check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl", "PR_CAP_AMBIENT_CLEAR_ALL");
  for (size_t n = 0; n < names.size(); ++n)
    if (ambient >> n & 1)
      sys::check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0), "raise ambient", names[n]);
}

/// The process's own permitted set.
uint64_t permittedNow() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  sys::check(syscall(SYS_capget, &header, data), "capget");
  return uint64_t{data[1].permitted} << 32 | data[0].permitted;
}

}  // namespace

bool isPrivileged() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  sys::check(syscall(SYS_capget, &header, data), "capget");
  return data[0].effective >> CAP_SYS_ADMIN & 1;
}

std::optional<int> capabilityNumber(std::string_view name) {
  for (size_t n = 0; n < names.size(); ++n)
    if (names[n] == name) return static_cast<int>(n);
  return std::nullopt;
}

std::string_view capabilityName(int number) {
  return number >= 0 && static_cast<size_t>(number) < names.size() ? names[number] : std::string_view();
}

std::vector<std::string> missingCapabilities(const Capabilities& sets) {
  std::vector<std::string> missing = sets.unknown;
  const uint64_t asked = sets.bounding | sets.effective | sets.inheritable | sets.permitted | sets.ambient;
  const uint64_t lacking = asked & ~permittedNow();
  for (size_t n = 0; n < names.size(); ++n)
    if (lacking >> n & 1) missing.emplace_back(names[n]);
  return missing;
}

// The kernel answers EINVAL to the first capability that it does not know, and knows none after it.
void limitBounding(const Capabilities& sets) {
  for (unsigned n = 0; n < 64; ++n) {
    if (sets.bounding >> n & 1 || prctl(PR_CAPBSET_DROP, n, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return;
    sys::throwErrno("drop bounding", n < names.size() ? names[n] : "an unnamed capability");
  }
}

// Changing the file-system uid away from 0 takes the file capabilities out of the effective set; they stay
// permitted.
ActingAs::ActingAs(uint32_t uid, uint32_t gid) {
  syscall(SYS_setfsgid, gid);
  syscall(SYS_setfsuid, uid);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  sys::check(syscall(SYS_capget, &header, data), "capget");
  data[0].effective = data[0].permitted;
  data[1].effective = data[1].permitted;
  sys::check(syscall(SYS_capset, &header, data), "capset");
}

ActingAs::~ActingAs() {
  syscall(SYS_setfsuid, geteuid());
  syscall(SYS_setfsgid, getegid());
}

void applyCapabilities(const Capabilities& sets, uint64_t until) {
  // What this machine's own bounding set lacks cannot be given; the rest stays as asked.
  uint64_t available = permittedNow();
  uint64_t permitted = (sets.permitted | sets.bounding | until) & available;
  uint64_t effective = (sets.effective | until) & permitted;
  uint64_t inheritable = sets.inheritable & available;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {
      {static_cast<uint32_t>(effective), static_cast<uint32_t>(permitted),
       static_cast<uint32_t>(inheritable)},
      {static_cast<uint32_t>(effective >> 32), static_cast<uint32_t>(permitted >> 32),
       static_cast<uint32_t>(inheritable >> 32)}};
  sys::check(syscall(SYS_capset, &header, data), "capset");
  setAmbient(sets.ambient & permitted & inheritable);
}

}  // namespace strake::runtime
