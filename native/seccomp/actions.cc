#include "seccomp/actions.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <span>
#include <string_view>

#include "seccomp/names.h"
#include "sys/error.h"

namespace strake::seccomp {
namespace {

constexpr uint32_t kMaxErrno = 4095;         // MAX_ERRNO of the kernel; more is cut off there without a word
constexpr unsigned kWaitKillable = 1u << 5;  // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19

struct NamedFlag {
  std::string_view name;
  unsigned value;
};
constexpr NamedFlag kFlags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", kWaitKillable},
};

struct NamedArch {
  std::string_view name;
  Arch arch;
};
constexpr NamedArch kCompiled[] = {
    {"SCMP_ARCH_X86_64", Arch::x86_64}, {"SCMP_ARCH_X86", Arch::i386}, {"SCMP_ARCH_X32", Arch::x32},
    {"SCMP_ARCH_AARCH64", Arch::arm64}, {"SCMP_ARCH_ARM", Arch::arm},
};
/// The OCI spec's others: legal in a profile, never run by a machine that strake is built for.
constexpr std::string_view kElsewhere[] = {
    "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",  "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_PPC",     "SCMP_ARCH_PPC64",       "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",    "SCMP_ARCH_S390X",       "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",
};

template <typename Row>
std::vector<std::string_view> namesOf(std::span<const Row> table) {
  std::vector<std::string_view> names;
  for (const Row& row : table) names.push_back(row.name);
  std::ranges::sort(names);
  return names;
}

bool isX86(Arch arch) {
  return arch == Arch::x86_64 || arch == Arch::i386 || arch == Arch::x32;
}

}  // namespace

std::vector<std::string_view> flagNames() {
  return namesOf<NamedFlag>(kFlags);
}
std::vector<std::string_view> architectureNames() {
  return namesOf<NamedArch>(kCompiled);
}

void throwInvalid(const std::string& message) {
  throw sys::Error("ERR_SECCOMP_PROFILE_INVALID", "seccomp profile: " + message);
}

uint32_t returnValue(Action action, std::optional<uint32_t> errnoRet) {
  const bool takesErrno = action == Action::errnoReturn || action == Action::trace;
  if (errnoRet && *errnoRet != 0 && !takesErrno)
    throwInvalid("errnoRet is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE only");
  if (errnoRet && *errnoRet > kMaxErrno)
    throwInvalid("errnoRet " + std::to_string(*errnoRet) + " is no errno (0 to 4095)");
  switch (action) {
    case Action::killThread:
      return SECCOMP_RET_KILL_THREAD;
    case Action::killProcess:
      return SECCOMP_RET_KILL_PROCESS;
    case Action::trap:
      return SECCOMP_RET_TRAP;
    case Action::errnoReturn:
      return SECCOMP_RET_ERRNO | errnoRet.value_or(EPERM);
    case Action::trace:
      return SECCOMP_RET_TRACE | errnoRet.value_or(EPERM);
    case Action::log:
      return SECCOMP_RET_LOG;
    case Action::allow:
      return SECCOMP_RET_ALLOW;
    case Action::notify:
      return SECCOMP_RET_USER_NOTIF;
  }
  throwInvalid("unknown action " + std::to_string(static_cast<int>(action)));
}

unsigned filterFlags(const std::vector<std::string>& names, bool needsListener) {
  unsigned flags = needsListener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(kFlags, name, &NamedFlag::name);
    if (found == std::end(kFlags)) throwInvalid("unknown flag \"" + name + "\"");
    flags |= found->value;
  }
  // The kernel refuses the one without a listener, and the other with one unless a failure is told as an
  // errno.
  if (!needsListener) flags &= ~kWaitKillable;
  if (needsListener && (flags & SECCOMP_FILTER_FLAG_TSYNC)) flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
  return flags;
}

std::vector<Arch> architectures(const std::vector<std::string>& names, Arch native) {
  std::vector<Arch> all{native};
  for (const std::string& name : names) {
    const auto found = std::ranges::find(kCompiled, name, &NamedArch::name);
    if (found == std::end(kCompiled)) {
      if (std::ranges::find(kElsewhere, name) == std::end(kElsewhere))
        throwInvalid("unknown architecture \"" + name + "\"");
    } else if (isX86(found->arch) == isX86(native) && std::ranges::find(all, found->arch) == all.end()) {
      all.push_back(found->arch);
    }
  }
  return all;
}

}  // namespace strake::seccomp
