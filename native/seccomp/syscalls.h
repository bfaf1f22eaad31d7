// System call numbers by name, for every architecture whose filter is compiled here. The table is made from
// kernel headers by script/update-syscalls.mjs.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace strake::seccomp {

enum class Arch { x86_64, i386, x32, arm64, arm };
inline constexpr size_t kArchs = 5;

/// One name's number on each architecture (index: Arch); -1 where it has none. x32 without its bit.
struct Syscall {
  std::string_view name;
  std::array<int32_t, kArchs> numbers;
};

/// All names, sorted.
std::span<const Syscall> allSyscalls();

/// nullptr for a name that no architecture here has.
const Syscall* findSyscall(std::string_view name);

/// On i386 the socket calls are also reached through socketcall(2) and the System V ones through ipc(2),
/// whose first argument selects the call.
struct Multiplexed {
  std::string_view name;
  uint32_t through;  // the number of socketcall or ipc
  uint32_t call;     // what the first argument says
  uint32_t mask;     // of the first argument: ipc(2) carries a version in its upper half
};

/// nullptr for a name that is not multiplexed on i386.
const Multiplexed* findMultiplexed(std::string_view name);

}  // namespace strake::seccomp
