#include "seccomp/conditions.h"

#include <linux/seccomp.h>

#include <cstddef>

namespace strake::seccomp {
namespace {

constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS, kAnd = BPF_ALU | BPF_AND | BPF_K,
                   kReturn = BPF_RET | BPF_K, kIfEqual = BPF_JMP | BPF_JEQ | BPF_K,
                   kIfGreater = BPF_JMP | BPF_JGT | BPF_K, kIfGreaterEqual = BPF_JMP | BPF_JGE | BPF_K;

enum class Where { next, holds, fails };

/// Code for one case. Jumps are recorded with where they lead and resolved when that place is reached.
class CaseWriter {
 public:
  CaseWriter(Program& program, bool wide) : program_(program), wide_(wide) {}

  void write(const Case& each) {
    for (const ArgRule& condition : each.conditions) {
      holds_.clear();
      compare(condition);
      resolve(holds_);
    }
    program_.push_back(statement(kReturn, each.answer));
    resolve(fails_);
  }

 private:
  struct Jump {
    size_t at;
    bool yes;
  };

  void compare(const ArgRule& condition) {
    const uint64_t value = condition.value;
    switch (condition.op) {
      case Op::equal:
        halves(condition.index, value, kIfEqual, Where::holds, Where::fails, Where::fails);
        break;
      case Op::notEqual:
        halves(condition.index, value, kIfEqual, Where::fails, Where::holds, Where::holds);
        break;
      case Op::greater:
        ordered(condition.index, value, kIfGreater, Where::holds, Where::fails);
        break;
      case Op::greaterEqual:
        ordered(condition.index, value, kIfGreaterEqual, Where::holds, Where::fails);
        break;
      case Op::less:
        ordered(condition.index, value, kIfGreaterEqual, Where::fails, Where::holds);
        break;
      case Op::lessEqual:
        ordered(condition.index, value, kIfGreater, Where::fails, Where::holds);
        break;
      case Op::maskedEqual:
        masked(condition.index, value, condition.valueTwo);
        break;
    }
  }

  /// Equality: unequal upper halves decide at once.
  void halves(unsigned index, uint64_t value, uint16_t code, Where yes, Where no, Where upperNo) {
    if (wide_) {
      loadUpper(index);
      branch(code, static_cast<uint32_t>(value >> 32), Where::next, upperNo);
    }
    loadLower(index);
    branch(code, static_cast<uint32_t>(value), yes, no);
  }

  /// Order: a greater upper half is greater, a smaller one is less, an equal one leaves it to the lower half.
  void ordered(unsigned index, uint64_t value, uint16_t lowerCode, Where greater, Where less) {
    if (wide_) {
      const auto upper = static_cast<uint32_t>(value >> 32);
      loadUpper(index);
      branch(kIfGreater, upper, greater, Where::next);
      branch(kIfEqual, upper, Where::next, less);
    }
    loadLower(index);
    branch(lowerCode, static_cast<uint32_t>(value), greater, less);
  }

  void masked(unsigned index, uint64_t mask, uint64_t value) {
    const auto upperMask = static_cast<uint32_t>(mask >> 32), upper = static_cast<uint32_t>(value >> 32);
    if (wide_ && (upperMask != 0 || upper != 0)) {
      loadUpper(index);
      program_.push_back(statement(kAnd, upperMask));
      branch(kIfEqual, upper, Where::next, Where::fails);
    }
    loadLower(index);
    program_.push_back(statement(kAnd, static_cast<uint32_t>(mask)));
    branch(kIfEqual, static_cast<uint32_t>(value), Where::holds, Where::fails);
  }

  // struct seccomp_data holds arguments as native 64-bit words; every architecture here is little-endian.
  void loadLower(unsigned index) { load(index, 0); }
  void loadUpper(unsigned index) { load(index, 4); }
  void load(unsigned index, size_t half) {
    program_.push_back(statement(
        kLoad, static_cast<uint32_t>(offsetof(seccomp_data, args) + index * sizeof(uint64_t) + half)));
  }

  void branch(uint16_t code, uint32_t k, Where yes, Where no) {
    note(yes, true);
    note(no, false);
    program_.push_back(jump(code, k, 0, 0));
  }

  void note(Where where, bool yes) {
    if (where == Where::holds) holds_.push_back({program_.size(), yes});
    if (where == Where::fails) fails_.push_back({program_.size(), yes});
  }

  /// All of them lead here. One case is at most 6 arguments of 5 instructions: in reach of a byte.
  void resolve(const std::vector<Jump>& jumps) {
    for (const Jump& each : jumps) {
      const auto distance = static_cast<uint8_t>(program_.size() - each.at - 1);
      (each.yes ? program_[each.at].jt : program_[each.at].jf) = distance;
    }
  }

  Program& program_;
  const bool wide_;
  std::vector<Jump> holds_, fails_;
};

}  // namespace

void appendVerdict(Program& program, const Verdict& verdict, bool wide) {
  for (const Case& each : verdict.cases) CaseWriter(program, wide).write(each);
  program.push_back(statement(kReturn, verdict.otherwise));
}

}  // namespace strake::seccomp
