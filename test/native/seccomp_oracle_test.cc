// Our programs against libseccomp's, call by call: random profiles, every number of every architecture,
// random arguments.
//
// Where the two mean different things on purpose, the profiles stay clear of it: several rules of one call
// with different answers (ours: the first wins; libseccomp: one without conditions swallows the others, some
// orders are errors), numbers past the newest of the profile (ours: ENOSYS), conditions on i386's multiplexed
// calls (libseccomp compares the wrong words).
#include <gtest/gtest.h>
#include <linux/audit.h>

#include <map>
#include <random>
#include <set>

#include "seccomp/compile.h"
#include "seccomp_interpreter.h"
#include "seccomp_oracle.h"

namespace {

using namespace strake;
using namespace strake::seccomp;
using namespace strake::test;
using Random = std::mt19937_64;

/// Names that libseccomp knows too, without those that carry others inside.
std::vector<std::string> commonNames() {
  std::vector<std::string> names;
  for (const Syscall& call : allSyscalls()) {
    const std::string name(call.name);
    if (name != "socketcall" && name != "ipc" &&
        seccomp_syscall_resolve_name(name.c_str()) != __NR_SCMP_ERROR)
      names.push_back(name);
  }
  return names;
}

/// Values near each other and near the borders of the halves, so that equal halves and neighbours happen.
uint64_t word(Random& random) {
  const uint64_t half[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  return half[random() % 7] << 32 | half[random() % 7];
}

ArgRule condition(Random& random, unsigned index) {
  ArgRule made{index, word(random), 0, static_cast<Op>(random() % 7)};
  if (made.op == Op::maskedEqual) made.valueTwo = word(random) & made.value;
  return made;
}

SyscallRule randomRule(Random& random, std::string name, bool multiplexed, Action action) {
  SyscallRule rule{{std::move(name)}, action, {}, {}};
  if (action == Action::errnoReturn || action == Action::trace) rule.errnoRet = 1 + random() % 100;
  if (multiplexed || random() % 2) return rule;
  unsigned indices[] = {0, 1, 2, 3, 4, 5};
  std::shuffle(std::begin(indices), std::end(indices), random);
  for (unsigned count = 1 + random() % 4, i = 0; i < count; ++i)
    rule.args.push_back(condition(random, indices[i]));
  return rule;
}

Profile randomProfile(Random& random, const std::vector<std::string>& names, const Machine& machine) {
  Profile profile;
  profile.defaultAction = random() % 2 ? Action::errnoReturn : Action::allow;
  profile.defaultErrnoRet =
      profile.defaultAction == Action::errnoReturn ? std::optional<uint32_t>(EPERM) : std::nullopt;
  for (const auto& [name, token] : machine.archs) profile.architectures.push_back(name);
  const auto actions = {Action::killThread, Action::trap, Action::errnoReturn,
                        Action::trace,      Action::log,  Action::allow};
  // The newest number of every architecture is named, so that ENOSYS for newer ones stays out of the
  // comparison.
  profile.syscalls.push_back({{"futex_waitv", "pwritev2", "set_tls"}, Action::log, {}, {}});
  std::set<std::string> used{"futex_waitv", "pwritev2", "set_tls", "arm_sync_file_range", "sync_file_range2"};
  const unsigned count = 5 + random() % 200;
  for (unsigned i = 0; i < count; ++i) {
    const std::string& name = names[random() % names.size()];
    if (!used.insert(name).second) continue;
    Action action = profile.defaultAction;
    while (action == profile.defaultAction) action = *(actions.begin() + random() % actions.size());
    SyscallRule rule = randomRule(random, name, findMultiplexed(name) != nullptr, action);
    profile.syscalls.push_back(rule);
    // Alternatives: of one equality each. With orders or more conditions libseccomp 2.5 merges rules wrongly
    // now and then (seccomp_model_test.cc covers those).
    if (rule.args.size() == 1 && rule.args[0].op == Op::equal) {
      rule.args[0].value = word(random);
      profile.syscalls.push_back(rule);
    }
  }
  return profile;
}

struct Numbers {
  Arch arch;
  uint32_t audit;
  uint32_t first, last;
};

std::vector<Numbers> numbers(const Machine& machine) {
  if (machine.native == Arch::arm64)
    return {{Arch::arm64, AUDIT_ARCH_AARCH64, 0, 449},
            {Arch::arm, AUDIT_ARCH_ARM, 0, 449},
            {Arch::arm, AUDIT_ARCH_ARM, 0xf0001, 0xf0005},
            {Arch::x86_64, AUDIT_ARCH_X86_64, 0, 3}};
  return {
      {Arch::x86_64, AUDIT_ARCH_X86_64, 0, 449},
      {Arch::x32, AUDIT_ARCH_X86_64, 0x40000000, machine.archs.size() > 1 ? 0x40000000u + 547 : 0x40000300u},
      {Arch::x86_64, AUDIT_ARCH_X86_64, 0xffffffff, 0xffffffff},
      {Arch::i386, AUDIT_ARCH_I386, 0, 449},
      {Arch::arm64, AUDIT_ARCH_AARCH64, 0, 3}};
}

std::string rulesOf(const Profile& profile, Arch arch, uint32_t number) {
  std::string text;
  for (const SyscallRule& rule : profile.syscalls) {
    if (findSyscall(rule.names[0])->numbers[static_cast<size_t>(arch)] !=
        static_cast<int32_t>(number & 0xfffff))
      continue;
    text += "\n" + rule.names[0] + " action " + std::to_string(static_cast<int>(rule.action));
    for (const ArgRule& arg : rule.args) {
      char line[120];
      std::snprintf(line, sizeof line, " [arg%u op%d %lx %lx]", arg.index, static_cast<int>(arg.op),
                    arg.value, arg.valueTwo);
      text += line;
    }
  }
  return text;
}

/// Arguments that the profile's conditions are about: their values, neighbours and halves.
std::vector<uint64_t> interesting(const Profile& profile) {
  std::vector<uint64_t> values{0, 1, ~uint64_t{0}};
  for (const SyscallRule& rule : profile.syscalls) {
    for (const ArgRule& arg : rule.args)
      values.insert(values.end(), {arg.value, arg.value + 1, arg.value - 1, arg.valueTwo});
  }
  return values;
}

void compare(const Profile& profile, const Machine& machine, Random& random, unsigned rounds) {
  const auto ours = compileFor(profile, machine.native).program;
  const auto theirs = oracle(profile, machine);
  const auto values = interesting(profile);
  for (const Numbers& range : numbers(machine)) {
    for (uint64_t number = range.first; number <= range.last; ++number) {
      const bool multiplexed = range.audit == AUDIT_ARCH_I386 && (number == 102 || number == 117);
      for (unsigned round = 0; round < rounds; ++round) {
        seccomp_data data{static_cast<int>(number), range.audit, 0, {}};
        for (auto& argument : data.args)
          argument = random() % 4 ? values[random() % values.size()] : word(random);
        if (multiplexed) data.args[0] = random() % 30;
        if (range.audit == AUDIT_ARCH_I386 || range.audit == AUDIT_ARCH_ARM)
          for (auto& argument : data.args) argument &= 0xffffffff;
        ASSERT_EQ(test::run(ours, data), test::run(theirs, data))
            << "number " << number << " arch " << std::hex << range.audit << " args " << data.args[0] << " "
            << data.args[1] << " " << data.args[2] << " " << data.args[3] << " " << data.args[4] << " "
            << data.args[5] << rulesOf(profile, range.arch, static_cast<uint32_t>(number));
      }
    }
  }
}

TEST(SeccompOracle, RandomProfilesAnswerAsLibseccompDoesOnX86) {
  const auto names = commonNames();
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    compare(randomProfile(random, names, kX86), kX86, random, 6);
    if (HasFatalFailure()) return;
  }
}

TEST(SeccompOracle, AndWithoutTheOtherArchitecturesOfTheMachine) {
  const auto names = commonNames();
  for (unsigned seed = 100; seed <= 110; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    compare(randomProfile(random, names, kX86Alone), kX86Alone, random, 4);
    if (HasFatalFailure()) return;
  }
}

TEST(SeccompOracle, AndOnArm) {
  const auto names = commonNames();
  for (unsigned seed = 200; seed <= 220; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    compare(randomProfile(random, names, kArm), kArm, random, 6);
    if (HasFatalFailure()) return;
  }
}

TEST(SeccompOracle, EveryNumberOfTheTableIsLibseccomps) {
  const std::pair<Arch, uint32_t> archs[] = {{Arch::x86_64, SCMP_ARCH_X86_64},
                                             {Arch::i386, SCMP_ARCH_X86},
                                             {Arch::x32, SCMP_ARCH_X32},
                                             {Arch::arm64, SCMP_ARCH_AARCH64},
                                             {Arch::arm, SCMP_ARCH_ARM}};
  for (const std::string& name : commonNames()) {
    for (const auto& [arch, token] : archs) {
      const int32_t ours = findSyscall(name)->numbers[static_cast<size_t>(arch)];
      const int theirs = seccomp_syscall_resolve_name_arch(token, name.c_str());
      if (ours < 0 || theirs < 0) continue;
      EXPECT_EQ(ours, arch == Arch::x32 ? theirs & 0xfff : theirs) << name;
    }
  }
}

}  // namespace
