// A sparse file as EROFS has it: chunks of one size, each somewhere or a hole. A chunk that is all data and
// starts on a block of the tar stays there; one that is part data, part hole is put together in the index.
#pragma once
#include <cstdint>
#include <vector>

#include "layer/erofs_tree.h"

namespace strake::layer::erofs {

struct ChunkPlan {
  /// A chunk has 512 << shift bytes.
  unsigned shift = 0;
  uint64_t count = 0;
  /// How many chunks are put together in the index.
  uint64_t mixed = 0;

  uint64_t chunkBytes() const;
};

/// The plan that takes the least room: never much more than the file's data, however large its holes are.
ChunkPlan planChunks(uint64_t size, const SparseFile& file);

/// Bytes of the tar, and where in its chunk they go.
struct Piece {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t size = 0;
};

struct Chunk {
  enum class Kind { hole, tar, mixed };
  Kind kind = Kind::hole;
  /// Of kind tar: where it begins, in bytes.
  uint64_t at = 0;
  /// Of kind mixed.
  std::vector<Piece> pieces = {};
};

/// The chunks of a file, one after the other.
class ChunkWalk {
 public:
  ChunkWalk(uint64_t size, const SparseFile& file, const ChunkPlan& plan);
  Chunk next();

 private:
  uint64_t size_;
  uint64_t chunkBytes_;
  /// What adjoins is one, each with its place in the tar.
  std::vector<Piece> runs_;
  size_t run_ = 0;
  uint64_t at_ = 0;
};

}  // namespace strake::layer::erofs
