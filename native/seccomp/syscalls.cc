#include "seccomp/syscalls.h"

#include <algorithm>
#include <functional>

namespace strake::seccomp {
namespace {

constexpr Syscall kSyscalls[] = {
#include "seccomp/syscalls.inc"
};
static_assert(std::is_sorted(std::begin(kSyscalls), std::end(kSyscalls),
                             [](const Syscall& a, const Syscall& b) { return a.name < b.name; }));

// include/uapi/linux/net.h SYS_*, include/uapi/linux/ipc.h.
constexpr uint32_t kSocketcall = 102, kIpc = 117, kAllBits = 0xffffffff, kWithoutVersion = 0xffff;
constexpr Multiplexed kMultiplexed[] = {
    {"socket", kSocketcall, 1, kAllBits},      {"bind", kSocketcall, 2, kAllBits},
    {"connect", kSocketcall, 3, kAllBits},     {"listen", kSocketcall, 4, kAllBits},
    {"accept", kSocketcall, 5, kAllBits},      {"getsockname", kSocketcall, 6, kAllBits},
    {"getpeername", kSocketcall, 7, kAllBits}, {"socketpair", kSocketcall, 8, kAllBits},
    {"send", kSocketcall, 9, kAllBits},        {"recv", kSocketcall, 10, kAllBits},
    {"sendto", kSocketcall, 11, kAllBits},     {"recvfrom", kSocketcall, 12, kAllBits},
    {"shutdown", kSocketcall, 13, kAllBits},   {"setsockopt", kSocketcall, 14, kAllBits},
    {"getsockopt", kSocketcall, 15, kAllBits}, {"sendmsg", kSocketcall, 16, kAllBits},
    {"recvmsg", kSocketcall, 17, kAllBits},    {"accept4", kSocketcall, 18, kAllBits},
    {"recvmmsg", kSocketcall, 19, kAllBits},   {"sendmmsg", kSocketcall, 20, kAllBits},
    {"semop", kIpc, 1, kWithoutVersion},       {"semget", kIpc, 2, kWithoutVersion},
    {"semctl", kIpc, 3, kWithoutVersion},      {"semtimedop", kIpc, 4, kWithoutVersion},
    {"msgsnd", kIpc, 11, kWithoutVersion},     {"msgrcv", kIpc, 12, kWithoutVersion},
    {"msgget", kIpc, 13, kWithoutVersion},     {"msgctl", kIpc, 14, kWithoutVersion},
    {"shmat", kIpc, 21, kWithoutVersion},      {"shmdt", kIpc, 22, kWithoutVersion},
    {"shmget", kIpc, 23, kWithoutVersion},     {"shmctl", kIpc, 24, kWithoutVersion},
};

}  // namespace

std::span<const Syscall> allSyscalls() {
  return kSyscalls;
}

const Syscall* findSyscall(std::string_view name) {
  const auto found = std::ranges::lower_bound(kSyscalls, name, {}, &Syscall::name);
  return found != std::end(kSyscalls) && found->name == name ? found : nullptr;
}

const Multiplexed* findMultiplexed(std::string_view name) {
  const auto found = std::ranges::find(kMultiplexed, name, &Multiplexed::name);
  return found != std::end(kMultiplexed) ? found : nullptr;
}

}  // namespace strake::seccomp
