// Ranges of system call numbers as a binary tree of comparisons. Neighbours with one answer are one range,
// gaps included, so an allow-list of 370 calls is some 80 ranges and 7 comparisons deep.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "seccomp/conditions.h"

namespace strake::seccomp {

/// From `start` to the next range's start.
struct Range {
  uint32_t start;
  uint32_t answer;         // SECCOMP_RET_*, when
  const Verdict* verdict;  // this is nullptr
  bool wide;               // for the verdict's comparisons
};

/// Collects ranges in ascending order; the last one reaches to 0xffffffff.
class Ranges {
 public:
  void add(uint32_t start, uint32_t answer);
  void add(uint32_t start, const Verdict& verdict, bool wide) {
    ranges_.push_back({start, 0, &verdict, wide});
  }
  std::span<const Range> all() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

/// Appends the tree. Precondition: the accumulator holds the number, and the first range starts at 0.
void appendTree(Program& program, std::span<const Range> ranges);

/// Makes the jump at `at` pass over all that was appended behind it; `code`, `k`: taken or not as
/// `skipWhenTrue` says. BPF's conditional jumps reach 255 instructions; a longer way takes an unconditional
/// jump between.
void skipFrom(Program& program, size_t at, bool skipWhenTrue);

}  // namespace strake::seccomp
