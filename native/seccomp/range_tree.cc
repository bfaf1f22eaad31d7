#include "seccomp/range_tree.h"

namespace strake::seccomp {

void Ranges::add(uint32_t start, uint32_t answer) {
  // A range that turned out empty is replaced, one that answers like its neighbour is part of it.
  if (!ranges_.empty() && ranges_.back().start == start) ranges_.pop_back();
  if (!ranges_.empty() && ranges_.back().verdict == nullptr && ranges_.back().answer == answer) return;
  ranges_.push_back({start, answer, nullptr, false});
}

void appendTree(Program& program, std::span<const Range> ranges) {
  if (ranges.size() > 1) {
    const size_t middle = ranges.size() / 2, at = program.size();
    program.push_back(jump(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].start, 0, 0));
    appendTree(program, ranges.first(middle));
    skipFrom(program, at, true);
    appendTree(program, ranges.subspan(middle));
  } else if (ranges.front().verdict != nullptr) {
    appendVerdict(program, *ranges.front().verdict, ranges.front().wide);
  } else {
    program.push_back(statement(BPF_RET | BPF_K, ranges.front().answer));
  }
}

void skipFrom(Program& program, size_t at, bool skipWhenTrue) {
  const size_t distance = program.size() - at - 1;
  sock_filter& branch = program[at];
  if (distance <= 255) {
    (skipWhenTrue ? branch.jt : branch.jf) = static_cast<uint8_t>(distance);
    return;
  }
  (skipWhenTrue ? branch.jf : branch.jt) = 1;  // over the long jump, which is inserted behind the branch
  program.insert(program.begin() + static_cast<ptrdiff_t>(at) + 1,
                 statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(distance)));
}

}  // namespace strake::seccomp
