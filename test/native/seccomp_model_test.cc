// Our programs against the meaning of a profile, evaluated rule by rule: conflicts, alternatives, newer
// calls, other architectures, multiplexed calls, long programs.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "seccomp/compile.h"
#include "seccomp_interpreter.h"
#include "sys/error.h"

namespace {

using namespace strake;
using namespace strake::seccomp;
using Random = std::mt19937_64;

constexpr uint32_t kErrno = SECCOMP_RET_ERRNO, kAllow = SECCOMP_RET_ALLOW;

uint32_t answer(const Filter& filter, uint32_t audit, uint32_t number, std::array<uint64_t, 6> args = {}) {
  seccomp_data data{static_cast<int>(number), audit, 0, {}};
  std::copy(args.begin(), args.end(), data.args);
  return test::run(filter.program, data);
}

uint32_t on64(const Filter& filter, const char* name, std::array<uint64_t, 6> args = {}) {
  return answer(filter, AUDIT_ARCH_X86_64, static_cast<uint32_t>(findSyscall(name)->numbers[0]), args);
}

uint32_t on32(const Filter& filter, const char* name, std::array<uint64_t, 6> args = {}) {
  return answer(filter, AUDIT_ARCH_I386, static_cast<uint32_t>(findSyscall(name)->numbers[1]), args);
}

Profile denyAll() {
  Profile profile;
  profile.defaultAction = Action::errnoReturn;
  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  profile.syscalls.push_back(
      {{"rseq_slice_yield"}, Action::allow, {}, {}});  // nothing is newer than the profile
  return profile;
}

bool holds(const ArgRule& rule, uint64_t argument) {
  switch (rule.op) {
    case Op::notEqual:
      return argument != rule.value;
    case Op::less:
      return argument < rule.value;
    case Op::lessEqual:
      return argument <= rule.value;
    case Op::equal:
      return argument == rule.value;
    case Op::greaterEqual:
      return argument >= rule.value;
    case Op::greater:
      return argument > rule.value;
    case Op::maskedEqual:
      return (argument & rule.value) == rule.valueTwo;
  }
  return false;
}

TEST(SeccompModel, RulesWithManyConditionsMeanWhatTheySay) {
  const uint64_t halves[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
  Random random(7);
  const auto word = [&] { return halves[random() % 5] << 32 | halves[random() % 5]; };
  for (int round = 0; round < 300; ++round) {
    Profile profile = denyAll();
    const unsigned count = 1 + random() % 6;
    for (unsigned i = 0; i < count; ++i) {
      SyscallRule rule{{"prctl"}, Action::errnoReturn, 10 + i, {}};
      for (unsigned index = 0; index < 6; ++index) {
        if (random() % 3 == 0) rule.args.push_back({index, word(), word(), static_cast<Op>(random() % 7)});
      }
      profile.syscalls.push_back(rule);
    }
    const Filter filter = compileFor(profile, Arch::x86_64);
    for (int probe = 0; probe < 200; ++probe) {
      std::array<uint64_t, 6> args;
      for (auto& arg : args) arg = word();
      uint32_t expected = kErrno | EPERM;
      for (const SyscallRule& rule : profile.syscalls) {
        if (rule.names[0] != "prctl") continue;
        if (!std::ranges::all_of(rule.args, [&](const ArgRule& arg) { return holds(arg, args[arg.index]); }))
          continue;
        expected = kErrno | *rule.errnoRet;
        break;
      }
      ASSERT_EQ(on64(filter, "prctl", args), expected) << "round " << round;
    }
  }
}

TEST(SeccompModel, TheFirstRuleThatAppliesWins) {
  Profile profile = denyAll();
  profile.syscalls.push_back({{"mount"}, Action::errnoReturn, ENOENT, {{0, 7, 0, Op::equal}}});
  profile.syscalls.push_back({{"mount"}, Action::allow, {}, {}});
  profile.syscalls.push_back({{"mount"}, Action::killProcess, {}, {}});
  const Filter filter = compileFor(profile, Arch::x86_64);
  EXPECT_EQ(on64(filter, "mount", {7}), kErrno | ENOENT);
  EXPECT_EQ(on64(filter, "mount", {8}), kAllow);
}

TEST(SeccompModel, SeveralConditionsOnOneArgumentAreAlternatives) {
  Profile profile = denyAll();
  profile.syscalls.push_back(
      {{"personality"}, Action::allow, {}, {{0, 0, 0, Op::equal}, {0, 8, 0, Op::equal}}});
  const Filter filter = compileFor(profile, Arch::x86_64);
  EXPECT_EQ(on64(filter, "personality", {0}), kAllow);
  EXPECT_EQ(on64(filter, "personality", {8}), kAllow);
  EXPECT_EQ(on64(filter, "personality", {9}), kErrno | EPERM);
}

TEST(SeccompModel, ACallNewerThanTheProfileAnswersEnosys) {
  Profile profile = denyAll();
  profile.syscalls = {{{"read", "openat2"}, Action::allow, {}, {}}};  // openat2 is 437
  const Filter filter = compileFor(profile, Arch::x86_64);
  EXPECT_EQ(on64(filter, "openat2"), kAllow);
  EXPECT_EQ(on64(filter, "mount"), kErrno | EPERM);
  for (const uint32_t number : {438u, 471u, 5000u, 0x3fffffffu, 0x40000000u + 438, 0x40000000u + 900})
    EXPECT_EQ(answer(filter, AUDIT_ARCH_X86_64, number), kErrno | ENOSYS) << number;
  EXPECT_EQ(answer(filter, AUDIT_ARCH_I386, 438), kErrno | ENOSYS);
  EXPECT_EQ(answer(filter, AUDIT_ARCH_X86_64, 0xffffffff), kErrno | EPERM);
}

TEST(SeccompModel, APermissiveDefaultHoldsForNewerCallsToo) {
  Profile profile;
  profile.syscalls = {{{"mount"}, Action::errnoReturn, {}, {}}};
  const Filter filter = compileFor(profile, Arch::x86_64);
  EXPECT_EQ(answer(filter, AUDIT_ARCH_X86_64, 471), kAllow);
  EXPECT_EQ(on64(filter, "mount"), kErrno | EPERM);
}

TEST(SeccompModel, AnArchitectureThatIsNotListedKills) {
  Profile profile = denyAll();
  profile.architectures = {};
  profile.syscalls.push_back({{"getpid"}, Action::allow, {}, {}});
  const Filter filter = compileFor(profile, Arch::x86_64);
  EXPECT_EQ(on64(filter, "getpid"), kAllow);
  EXPECT_EQ(on32(filter, "getpid"), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(answer(filter, AUDIT_ARCH_AARCH64, 172), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(answer(filter, AUDIT_ARCH_X86_64, 0x40000000 + 39), SECCOMP_RET_KILL_PROCESS);
}

TEST(SeccompModel, MultiplexedCallsFollowTheirNamesOnI386) {
  Profile profile = denyAll();
  profile.syscalls.push_back({{"socket", "shmget"}, Action::allow, {}, {}});
  const Filter filter = compileFor(profile, Arch::x86_64);
  EXPECT_EQ(on32(filter, "socketcall", {1}), kAllow);
  EXPECT_EQ(on32(filter, "socketcall", {2}), kErrno | EPERM);
  EXPECT_EQ(on32(filter, "ipc", {23}), kAllow);
  EXPECT_EQ(on32(filter, "ipc", {23 | 1 << 16}), kAllow);
  EXPECT_EQ(on32(filter, "ipc", {24}), kErrno | EPERM);
}

TEST(SeccompModel, AConditionOnAMultiplexedCallNeverWidensWhatIsAllowed) {
  Profile allowing = denyAll();
  allowing.syscalls.push_back({{"socket"}, Action::allow, {}, {{0, 40, 0, Op::notEqual}}});
  EXPECT_EQ(on32(compileFor(allowing, Arch::x86_64), "socketcall", {1}), kErrno | EPERM);
  EXPECT_EQ(on32(compileFor(allowing, Arch::x86_64), "socket", {2}), kAllow);
  Profile denying;
  denying.architectures = {"SCMP_ARCH_X86"};
  denying.syscalls.push_back({{"socket"}, Action::errnoReturn, {}, {{0, 40, 0, Op::equal}}});
  EXPECT_EQ(on32(compileFor(denying, Arch::x86_64), "socketcall", {1}), kErrno | EPERM);
  EXPECT_EQ(on32(compileFor(denying, Arch::x86_64), "socketcall", {2}), kAllow);
}

TEST(SeccompModel, AProgramLongerThanAJumpReachesIsStillRight) {
  Profile profile = denyAll();
  unsigned place = 0;
  for (const Syscall& call : allSyscalls()) {
    if (call.numbers[0] < 0 || ++place % 3 != 0) continue;
    profile.syscalls.push_back(
        {{std::string(call.name)}, Action::allow, {}, {{0, 5, 0, Op::equal}, {1, 6, 0, Op::greater}}});
  }
  const Filter filter = compileFor(profile, Arch::x86_64);
  EXPECT_GT(filter.program.size(), 1000u);
  for (const SyscallRule& rule : profile.syscalls) {
    if (rule.args.empty()) continue;
    EXPECT_EQ(on64(filter, rule.names[0].c_str(), {5, 7}), kAllow);
    EXPECT_EQ(on64(filter, rule.names[0].c_str(), {5, 6}), kErrno | EPERM);
    EXPECT_EQ(on64(filter, rule.names[0].c_str(), {4, 7}), kErrno | EPERM);
  }
}

TEST(SeccompModel, AProgramLongerThanTheKernelTakesIsRefused) {
  Profile profile = denyAll();
  for (unsigned i = 0; i < 2000; ++i)
    profile.syscalls.push_back({{"prctl"}, Action::allow, {}, {{0, i, 0, Op::equal}}});
  EXPECT_THROW(compileFor(profile, Arch::x86_64), sys::Error);
}

TEST(SeccompModel, WhatAProfileCannotSayIsRefusedByName) {
  const auto code = [](Profile profile) {
    try {
      compileFor(profile, Arch::x86_64);
    } catch (const sys::Error& error) {
      return error.code();
    }
    return std::string("compiled");
  };
  const std::string invalid = "ERR_SECCOMP_PROFILE_INVALID";
  Profile profile;
  EXPECT_EQ(code(profile), "compiled");
  profile.architectures = {"SCMP_ARCH_Z80"};
  EXPECT_EQ(code(profile), invalid);
  profile = {};
  profile.flags = {"SECCOMP_FILTER_FLAG_NEW"};
  EXPECT_EQ(code(profile), invalid);
  profile = {};
  profile.syscalls = {{{"read"}, Action::allow, 5, {}}};
  EXPECT_EQ(code(profile), invalid);
  profile.syscalls = {{{"read"}, Action::errnoReturn, 5000, {}}};
  EXPECT_EQ(code(profile), invalid);
  profile.syscalls = {{{"read"}, Action::errnoReturn, 5, {{6, 0, 0, Op::equal}}}};
  EXPECT_EQ(code(profile), invalid);
  profile.syscalls = {{{"read"}, Action::notify, {}, {}}};
  EXPECT_EQ(code(profile), invalid);  // no listenerPath
  profile.listenerPath = "/run/listener.sock";
  EXPECT_EQ(code(profile), "compiled");
  profile.syscalls = {{{"a_call_of_the_future"}, Action::allow, {}, {}}};
  EXPECT_EQ(code(profile), "compiled");
}

}  // namespace
