#include "seccomp/compile.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <deque>

#include "seccomp/actions.h"
#include "seccomp/conditions.h"
#include "seccomp/range_tree.h"

namespace strake::seccomp {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;
/// ARM's private calls (set_tls, cacheflush) lie far above the common ones.
constexpr uint32_t kArmPrivate = 0xf0000;
/// The number that a tracer sets to have a call skipped.
constexpr uint32_t kSkipped = 0xffffffff;

/// A rule of the profile with its words resolved.
struct Rule {
  uint32_t answer;
  const std::vector<ArgRule>* conditions;
};

/// One rule, seen from one system call. The sort order (number, then place in the profile) makes the first
/// rule win.
struct Entry {
  uint32_t number;
  uint32_t place;
  const Rule* rule;
  const Multiplexed* multiplexed = nullptr;  // i386: `number` is socketcall or ipc
};

using Entries = std::array<std::vector<Entry>, kArchs>;

bool isWide(Arch arch) {
  return arch == Arch::x86_64 || arch == Arch::arm64;
}

uint32_t auditArch(Arch arch) {
  switch (arch) {
    case Arch::x86_64:
    case Arch::x32:
      return AUDIT_ARCH_X86_64;
    case Arch::i386:
      return AUDIT_ARCH_I386;
    case Arch::arm64:
      return AUDIT_ARCH_AARCH64;
    case Arch::arm:
      return AUDIT_ARCH_ARM;
  }
  return 0;
}

bool permits(uint32_t answer) {
  return answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_LOG;
}

class Compiler {
 public:
  Compiler(const Profile& profile, Arch native)
      : profile_(profile),
        archs_(architectures(profile.architectures, native)),
        default_(returnValue(profile.defaultAction, profile.defaultErrnoRet)),
        newer_(permits(default_) || profile.defaultAction == Action::trace ? default_
                                                                           : SECCOMP_RET_ERRNO | ENOSYS) {}

  Filter compile() {
    for (const SyscallRule& rule : profile_.syscalls) resolve(rule);
    Filter filter;
    writeProgram(filter.program);
    if (filter.program.size() > BPF_MAXINSNS)
      throwInvalid("it needs " + std::to_string(filter.program.size()) +
                   " instructions, the kernel takes 4096: use fewer conditions");
    filter.needsListener = needsListener_;
    filter.flags = filterFlags(profile_.flags, needsListener_);
    return filter;
  }

 private:
  void resolve(const SyscallRule& rule);
  void addRule(const SyscallRule& rule, const std::vector<ArgRule>& conditions);
  void addMultiplexed(const Rule& rule, std::string_view name, uint32_t place);
  void checkNotify();
  bool has(Arch arch) const { return std::ranges::find(archs_, arch) != archs_.end(); }

  void writeProgram(Program& program);
  void addRanges(Ranges& ranges, Arch arch, uint32_t base);
  void addVerdict(Ranges& ranges, uint32_t start, std::span<const Entry> entries, bool wide);

  const Profile& profile_;
  const std::vector<Arch> archs_;
  const uint32_t default_;
  const uint32_t newer_;  // for calls that are newer than the profile
  bool needsListener_ = false;
  uint32_t place_ = 0;
  std::deque<Rule> rules_;
  std::deque<std::vector<ArgRule>> split_;
  std::deque<Verdict> verdicts_;
  Entries entries_;
};

/// As in runc and crun, several conditions on one argument are alternatives: each becomes a rule of its own.
void Compiler::resolve(const SyscallRule& rule) {
  unsigned seen = 0;
  bool alternatives = false;
  for (const ArgRule& condition : rule.args) {
    if (condition.index > 5) throwInvalid("argument index " + std::to_string(condition.index) + " is past 5");
    if (condition.op < Op::notEqual || condition.op > Op::maskedEqual) throwInvalid("unknown operator");
    alternatives |= (seen & (1u << condition.index)) != 0;
    seen |= 1u << condition.index;
  }
  if (!alternatives) {
    addRule(rule, rule.args);
    return;
  }
  for (const ArgRule& condition : rule.args) addRule(rule, split_.emplace_back(1, condition));
}

void Compiler::addRule(const SyscallRule& rule, const std::vector<ArgRule>& conditions) {
  const Rule& added = rules_.emplace_back(Rule{returnValue(rule.action, rule.errnoRet), &conditions});
  if (rule.action == Action::notify) needsListener_ = true;
  const uint32_t place = place_++;
  for (const std::string& name : rule.names) {
    const Syscall* call = findSyscall(name);
    if (call == nullptr) continue;  // of another architecture, or newer than our table
    for (const Arch arch : archs_) {
      const int32_t number = call->numbers[static_cast<size_t>(arch)];
      if (number >= 0)
        entries_[static_cast<size_t>(arch)].push_back({static_cast<uint32_t>(number), place, &added});
      if (arch == Arch::i386) addMultiplexed(added, name, place);
    }
  }
}

/// The arguments of a multiplexed call lie in memory, out of a filter's reach: a rule with conditions cannot
/// be tested there. One that permits is left out, one that forbids holds for every such call.
void Compiler::addMultiplexed(const Rule& rule, std::string_view name, uint32_t place) {
  const Multiplexed* through = findMultiplexed(name);
  if (through == nullptr || (!rule.conditions->empty() && permits(rule.answer))) return;
  entries_[static_cast<size_t>(Arch::i386)].push_back({through->through, place, &rule, through});
}

void Compiler::checkNotify() {
  if (profile_.defaultAction == Action::notify) throwInvalid("SCMP_ACT_NOTIFY cannot be the default action");
  if (needsListener_ && profile_.listenerPath.empty()) throwInvalid("SCMP_ACT_NOTIFY needs a listenerPath");
}

/// For each architecture that the kernel reports: its numbers as one tree. x32 is the upper part of x86_64's
/// numbers.
void Compiler::writeProgram(Program& program) {
  checkNotify();
  program.reserve(512);
  program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  for (const Arch arch : archs_) {
    if (arch == Arch::x32) continue;
    const size_t at = program.size();
    program.push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, auditArch(arch), 0, 0));
    program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    Ranges ranges;
    addRanges(ranges, arch, 0);
    if (arch == Arch::x86_64) {
      if (has(Arch::x32)) {
        addRanges(ranges, Arch::x32, kX32Bit);
      } else {
        ranges.add(kX32Bit, SECCOMP_RET_KILL_PROCESS);
      }
      ranges.add(kSkipped, default_);
    }
    appendTree(program, ranges.all());
    skipFrom(program, at, false);
  }
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
}

void Compiler::addRanges(Ranges& ranges, Arch arch, uint32_t base) {
  std::vector<Entry>& entries = entries_[static_cast<size_t>(arch)];
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return a.number != b.number ? a.number < b.number : a.place < b.place;
  });
  uint32_t next = 0;
  for (size_t first = 0; first < entries.size();) {
    const uint32_t number = entries[first].number;
    size_t last = first;
    while (last < entries.size() && entries[last].number == number) ++last;
    if (number >= kArmPrivate && next < kArmPrivate) {
      ranges.add(base + next, newer_);
      next = kArmPrivate;
    }
    if (number > next) ranges.add(base + next, default_);
    addVerdict(ranges, base + number, {entries.data() + first, last - first}, isWide(arch));
    next = number + 1;
    first = last;
  }
  ranges.add(base + next, next == 0 || next > kArmPrivate ? default_ : newer_);
}

void Compiler::addVerdict(Ranges& ranges, uint32_t start, std::span<const Entry> entries, bool wide) {
  Verdict verdict{{}, default_};
  for (const Entry& entry : entries) {
    if (entry.multiplexed != nullptr) {
      verdict.cases.push_back(
          {{{0, entry.multiplexed->mask, entry.multiplexed->call, Op::maskedEqual}}, entry.rule->answer});
    } else if (entry.rule->conditions->empty()) {
      verdict.otherwise = entry.rule->answer;
      break;  // the first rule wins
    } else {
      verdict.cases.push_back({*entry.rule->conditions, entry.rule->answer});
    }
  }
  while (!verdict.cases.empty() && verdict.cases.back().answer == verdict.otherwise) verdict.cases.pop_back();
  if (verdict.cases.empty()) {
    ranges.add(start, verdict.otherwise);
  } else {
    ranges.add(start, verdicts_.emplace_back(std::move(verdict)), wide);
  }
}

constexpr Arch nativeArch() {
#if defined(__x86_64__)
  return Arch::x86_64;
#elif defined(__aarch64__)
  return Arch::arm64;
#else
#error "strake is built for x86_64 and arm64"
#endif
}

}  // namespace

Filter compileFor(const Profile& profile, Arch native) {
  return Compiler(profile, native).compile();
}

Filter compile(const Profile& profile) {
  return compileFor(profile, nativeArch());
}

}  // namespace strake::seccomp
