// Where everything goes in an index: the superblock and the device slot, then the inodes with their xattrs,
// chunks and small data, then directories and long symlinks, then contents that the tar does not have in one
// piece. After that the addresses of the tar begin. Inodes of one directory stand together.
#pragma once
#include <cstdint>
#include <vector>

#include "layer/erofs_chunks.h"
#include "layer/erofs_format.h"
#include "layer/erofs_tree.h"

namespace strake::layer::erofs {

inline constexpr uint64_t inodesAt = superblockAt + sizeof(Superblock) + sizeof(DeviceSlot) + 256;
static_assert(inodesAt % slotBytes == 0 &&
              inodesAt / slotBytes <= UINT16_MAX);  // the root's number has 16 bits

class LayoutPlan {
 public:
  /// Arranges `tree` and gives every inode its number and every directory its size. ERR_LAYER_TOO_LARGE when
  /// `tarBytes` and the index together have more than the 2^32 blocks that EROFS can address.
  LayoutPlan(Tree& tree, uint64_t tarBytes);

  /// Inodes in the order of their places.
  const std::vector<InodeId>& order() const { return order_; }
  Layout layoutOf(const Node& node) const;
  /// Bytes of a directory or symlink that stand right behind its inode.
  uint64_t inlinedBytes(const Node& node) const;
  const ChunkPlan& chunks(const Node& node) const { return chunks_[node.data]; }

  /// Where directories and long symlinks begin, where mixed contents do, and where the index ends; in blocks.
  uint64_t dataBlock() const { return dataBlock_; }
  uint64_t contentsBlock() const { return contentsBlock_; }
  uint64_t endBlock() const { return endBlock_; }
  uint64_t tarBlocks() const { return tarBlocks_; }

 private:
  void planChunksOf();
  void placeAll();
  void place(InodeId id);
  uint64_t directoryBytes(InodeId id) const;
  uint64_t contentsBlocks(const Node& node) const;

  Tree& tree_;
  std::vector<ChunkPlan> chunks_;
  std::vector<InodeId> order_;
  uint64_t cursor_ = inodesAt;
  uint64_t dataBlocks_ = 0;
  uint64_t contentsBlocks_ = 0;
  uint64_t dataBlock_ = 0;
  uint64_t contentsBlock_ = 0;
  uint64_t endBlock_ = 0;
  uint64_t tarBlocks_ = 0;
};

/// Calls `each(name, inode)` for what a directory holds, "." and ".." too, in the order that EROFS wants.
template <typename Each>
void forEachName(const Tree& tree, InodeId directory, Each each) {
  const std::pair<std::string_view, InodeId> special[] = {{".", directory}, {"..", tree.parentOf(directory)}};
  size_t next = 0;
  for (auto name = tree.namesBegin(directory); name != tree.namesEnd(directory); ++name) {
    const std::string_view text = tree.textOf(*name);
    for (; next < 2 && special[next].first < text; ++next) each(special[next].first, special[next].second);
    each(text, tree.target(*name));
  }
  for (; next < 2; ++next) each(special[next].first, special[next].second);
}

/// Whether an entry of that name still fits into a directory's block of which `used` bytes are taken.
inline bool fitsBlock(uint64_t used, size_t name) {
  return used + sizeof(DirectoryEntry) + name <= blockBytes;
}

inline uint64_t blocksOf(uint64_t bytes) {
  return (bytes + blockBytes - 1) / blockBytes;
}

inline uint64_t alignedTo(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace strake::layer::erofs
