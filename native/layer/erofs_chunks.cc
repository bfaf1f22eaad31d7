#include "layer/erofs_chunks.h"

#include <algorithm>
#include <limits>

#include "layer/erofs_format.h"

namespace strake::layer::erofs {

namespace {

/// Of one file's chunks, so that planning and writing end in time.
constexpr uint64_t maxCount = 1 << 26;
/// Of one file's chunks that are put together in the index: an eighth of what EROFS can address.
constexpr uint64_t maxMixedBytes = uint64_t{1} << 38;

std::vector<Piece> runsOf(const SparseFile& file) {
  std::vector<Piece> runs;
  uint64_t from = file.at;
  for (const Extent& extent : file.extents) {
    if (extent.size == 0) continue;
    if (!runs.empty() && runs.back().to + runs.back().size == extent.offset)
      runs.back().size += extent.size;
    else
      runs.push_back({from, extent.offset, extent.size});
    from += extent.size;
  }
  return runs;
}

struct Cost {
  uint64_t mixed = 0;
  /// Data bytes in mixed chunks.
  uint64_t copied = 0;
};

class CostCount {
 public:
  CostCount(uint64_t size, uint64_t chunkBytes) : size_(size), chunkBytes_(chunkBytes) {}

  void add(const Piece& run) {
    const uint64_t end = run.to + run.size;
    const uint64_t first = run.to / chunkBytes_, last = (end - 1) / chunkBytes_;
    if ((run.from - run.to) % blockBytes != 0) return mix(first, last, run.size);
    const bool wholeFirst = run.to % chunkBytes_ == 0 && (first != last || isWholeEnd(end));
    if (!wholeFirst) mix(first, first, std::min(end, (first + 1) * chunkBytes_) - run.to);
    if (first != last && !isWholeEnd(end)) mix(last, last, end - last * chunkBytes_);
  }

  const Cost& total() const { return cost_; }

 private:
  bool isWholeEnd(uint64_t end) const { return end % chunkBytes_ == 0 || end == size_; }

  void mix(uint64_t first, uint64_t last, uint64_t bytes) {
    const uint64_t from = std::max(first, next_);
    if (last >= from) cost_.mixed += last - from + 1;
    next_ = std::max(next_, last + 1);
    cost_.copied += bytes;
  }

  uint64_t size_, chunkBytes_;
  /// The first chunk that is not counted yet.
  uint64_t next_ = 0;
  Cost cost_;
};

}  // namespace

uint64_t ChunkPlan::chunkBytes() const {
  return blockBytes << shift;
}

ChunkPlan planChunks(uint64_t size, const SparseFile& file) {
  const std::vector<Piece> runs = runsOf(file);
  ChunkPlan best;
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (unsigned shift = 0; shift <= maxChunkShift; ++shift) {
    const uint64_t chunkBytes = blockBytes << shift;
    const uint64_t count = (size - 1) / chunkBytes + 1;
    if (count > maxCount) continue;
    CostCount count_(size, chunkBytes);
    for (const Piece& run : runs) count_.add(run);
    const Cost& cost = count_.total();
    const uint64_t bytes = count * sizeof(ChunkIndex) + cost.copied;
    if (bytes < least && cost.mixed <= maxMixedBytes / chunkBytes) {
      least = bytes;
      best = {shift, count, cost.mixed};
    }
    if (count == 1) break;
  }
  return best;
}

ChunkWalk::ChunkWalk(uint64_t size, const SparseFile& file, const ChunkPlan& plan)
    : size_(size), chunkBytes_(plan.chunkBytes()), runs_(runsOf(file)) {}

Chunk ChunkWalk::next() {
  const uint64_t end = std::min(at_ + chunkBytes_, size_);
  Chunk chunk;
  for (; run_ < runs_.size() && runs_[run_].to < end; ++run_) {
    const Piece& run = runs_[run_];
    const uint64_t from = std::max(run.to, at_), to = std::min(run.to + run.size, end);
    chunk.pieces.push_back({run.from + (from - run.to), from - at_, to - from});
    if (run.to + run.size > end) break;
  }
  if (!chunk.pieces.empty()) {
    const Piece& only = chunk.pieces.front();
    const bool whole = only.size == end - at_ && only.from % blockBytes == 0;
    chunk.kind = whole ? Chunk::Kind::tar : Chunk::Kind::mixed;
    chunk.at = only.from;
  }
  at_ = end;
  return chunk;
}

}  // namespace strake::layer::erofs
