// Rules with conditions on arguments, as BPF.
#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "seccomp/seccomp.h"

namespace strake::seccomp {

using Program = std::vector<sock_filter>;

inline sock_filter statement(uint16_t code, uint32_t k) {
  return {code, 0, 0, k};
}
inline sock_filter jump(uint16_t code, uint32_t k, uint8_t yes, uint8_t no) {
  return {code, yes, no, k};
}

/// What a filter answers for one system call: the first case all of whose conditions hold, else `otherwise`.
struct Case {
  std::vector<ArgRule> conditions;  // at most one for each argument
  uint32_t answer;                  // SECCOMP_RET_*
};
struct Verdict {
  std::vector<Case> cases;
  uint32_t otherwise;
};

/// Appends code that ends in a return on every way. Comparisons are unsigned. `wide`: the architecture has
/// 64-bit arguments; otherwise only the lower halves count, of the argument and of the value (so that -1
/// written as 64 bits matches).
void appendVerdict(Program& program, const Verdict& verdict, bool wide);

}  // namespace strake::seccomp
