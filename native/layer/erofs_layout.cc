#include "layer/erofs_layout.h"

#include "layer/error.h"

namespace strake::layer::erofs {

namespace {

/// More is not worth the gap that may be left before the inode, since it has to end in its block.
constexpr uint64_t maxInlined = 320;
/// Of all files together, 8 bytes each.
constexpr uint64_t maxChunks = 1 << 27;

bool hasOwnData(const Node& node) {
  return S_ISDIR(node.mode) || S_ISLNK(node.mode);
}

}  // namespace

LayoutPlan::LayoutPlan(Tree& tree, uint64_t tarBytes) : tree_(tree), tarBlocks_(blocksOf(tarBytes)) {
  tree_.arrange();
  planChunksOf();
  placeAll();
  dataBlock_ = blocksOf(cursor_);
  contentsBlock_ = dataBlock_ + dataBlocks_;
  endBlock_ = contentsBlock_ + contentsBlocks_;
  if (endBlock_ + tarBlocks_ >= hole)
    tooLarge(
        "the layer has " + std::to_string(tarBytes) +
        " bytes: with its index it would be more than the 2 TiB that EROFS addresses in blocks of 512 bytes");
}

void LayoutPlan::planChunksOf() {
  uint64_t total = 0;
  chunks_.resize(tree_.sparse.size());
  for (InodeId id = 0; id < tree_.nodeCount(); ++id) {
    const Node& node = tree_.node(id);
    if (node.contents != Contents::sparse || node.links == 0) continue;
    chunks_[node.data] = planChunks(node.size, tree_.sparse[node.data]);
    if (chunks_[node.data].count == 0)
      tooLarge("tar: a sparse file of " + std::to_string(node.size) +
               " bytes has its data in too many places for EROFS");
    if ((total += chunks_[node.data].count) > maxChunks)
      tooLarge("tar: the sparse files have so many holes that the index would have more than 1 GiB");
  }
}

void LayoutPlan::placeAll() {
  place(rootId);
  for (size_t at = 0; at < order_.size(); ++at) {
    const InodeId id = order_[at];
    if (!S_ISDIR(tree_.node(id).mode)) continue;
    for (auto name = tree_.namesBegin(id); name != tree_.namesEnd(id); ++name)
      if (tree_.node(tree_.target(*name)).nid == 0) place(tree_.target(*name));
  }
}

void LayoutPlan::place(InodeId id) {
  Node& node = tree_.node(id);
  if (node.opaque) node.xattrs = tree_.xattrs.makeOpaque(node.xattrs);
  if (S_ISDIR(node.mode)) node.size = directoryBytes(id);
  const uint64_t body = sizeof(Inode) + tree_.xattrs.bytes(node.xattrs).size();
  const uint64_t inlined = inlinedBytes(node);
  const auto crosses = [&] {
    return (cursor_ + body) / blockBytes != (cursor_ + body + inlined - 1) / blockBytes;
  };
  while (inlined > 0 && crosses()) cursor_ += slotBytes;
  node.nid = static_cast<uint32_t>(cursor_ / slotBytes);
  order_.push_back(id);
  cursor_ += body + inlined;
  if (layoutOf(node) == Layout::chunked)
    cursor_ = alignedTo(cursor_, sizeof(ChunkIndex)) + chunks(node).count * sizeof(ChunkIndex);
  cursor_ = alignedTo(cursor_, slotBytes);
  if (cursor_ / slotBytes > UINT32_MAX) tooLarge("the layer's index would have more than 128 GiB");
  if (hasOwnData(node)) dataBlocks_ += blocksOf(node.size - inlined);
  contentsBlocks_ += contentsBlocks(node);
}

uint64_t LayoutPlan::directoryBytes(InodeId id) const {
  uint64_t full = 0, used = 0;
  forEachName(tree_, id, [&](std::string_view name, InodeId) {
    if (!fitsBlock(used, name.size())) {
      full += blockBytes;
      used = 0;
    }
    used += sizeof(DirectoryEntry) + name.size();
  });
  return full + used;
}

uint64_t LayoutPlan::contentsBlocks(const Node& node) const {
  if (node.contents == Contents::copied) return blocksOf(node.size);
  if (node.contents == Contents::sparse) return chunks(node).mixed << chunks(node).shift;
  return 0;
}

Layout LayoutPlan::layoutOf(const Node& node) const {
  if (node.contents == Contents::sparse) return Layout::chunked;
  return inlinedBytes(node) > 0 ? Layout::inlined : Layout::plain;
}

uint64_t LayoutPlan::inlinedBytes(const Node& node) const {
  const uint64_t tail = node.size % blockBytes;
  const bool whole = S_ISLNK(node.mode) && node.size >= blockBytes;
  return hasOwnData(node) && !whole && tail <= maxInlined ? tail : 0;
}

}  // namespace strake::layer::erofs
