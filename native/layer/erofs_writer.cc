#include "layer/erofs_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "layer/erofs_layout.h"
#include "layer/error.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer::erofs {

namespace {

constexpr size_t bufferSize = 256 << 10;

/// A part of the file that is written from its beginning on; what is passed over stays zero.
class Part {
 public:
  Part(int file, uint64_t at, const std::string& path) : file_(file), at_(at), path_(path) {}

  uint64_t position() const { return at_ + buffer_.size(); }
  void put(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= bufferSize) flush();
  }
  template <typename Record>
  void putRecord(const Record& record) {
    put({reinterpret_cast<const char*>(&record), sizeof record});
  }
  void skipTo(uint64_t position) { buffer_.append(position - this->position(), '\0'); }
  void flush() {
    sys::pwriteAll(file_, buffer_, static_cast<off_t>(at_), path_);
    at_ += buffer_.size();
    buffer_.clear();
  }

 private:
  int file_;
  uint64_t at_;
  const std::string& path_;
  std::string buffer_;
};

uint8_t typeOf(const Node& node) {
  switch (node.mode & S_IFMT) {
    case S_IFREG:
      return 1;
    case S_IFDIR:
      return 2;
    case S_IFCHR:
      return 3;
    case S_IFBLK:
      return 4;
    case S_IFIFO:
      return 5;
    case S_IFLNK:
      return 7;
    default:
      return 0;
  }
}

std::string hexOf(const std::string& digest) {
  return digest.substr(digest.find(':') + 1);
}

bool isZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

class Writer {
 public:
  Writer(const Tree& tree, const LayoutPlan& plan, const IndexedTar& tar, const LayerStack& lowers, int file,
         const std::string& path)
      : tree_(tree),
        plan_(plan),
        tar_(tar),
        lowers_(lowers),
        file_(file),
        path_(path),
        inodes_(file, inodesAt, path),
        data_(file, plan.dataBlock() * blockBytes, path),
        contentsAt_(plan.contentsBlock() * blockBytes) {}

  uint64_t run() {
    const uint64_t size = plan_.endBlock() * blockBytes;
    sys::check(::ftruncate(file_, static_cast<off_t>(size)), "ftruncate", path_);
    putSuperblock();
    for (const InodeId id : plan_.order()) putInode(id);
    inodes_.flush();
    data_.flush();
    return size;
  }

 private:
  void putSuperblock() {
    Superblock super = {};
    super.magic = magic;
    super.blockBits = blockBits;
    super.rootNid = static_cast<uint16_t>(tree_.node(rootId).nid);
    super.inodes = plan_.order().size();
    super.blocks = static_cast<uint32_t>(plan_.endBlock());
    super.featureIncompat = incompatChunkedFile | incompatDeviceTable;
    super.extraDevices = 1;
    super.deviceSlot = (superblockAt + sizeof super) / sizeof(DeviceSlot);
    const std::string name = hexOf(tar_.ids.chainId);
    for (size_t i = 0; i < sizeof super.uuid && 2 * i + 1 < name.size(); ++i)
      super.uuid[i] = static_cast<uint8_t>(std::stoul(name.substr(2 * i, 2), nullptr, 16));
    DeviceSlot slot = {};
    const std::string hex = hexOf(tar_.ids.diffId);
    std::memcpy(slot.tag, hex.data(), std::min(hex.size(), sizeof slot.tag));
    slot.blocks = static_cast<uint32_t>(plan_.tarBlocks());
    slot.unifiedBlock = static_cast<uint32_t>(plan_.endBlock());
    Part head(file_, superblockAt, path_);
    head.putRecord(super);
    head.putRecord(slot);
    head.flush();
  }

  void putInode(InodeId id) {
    const Node& node = tree_.node(id);
    const std::string_view xattrs = tree_.xattrs.bytes(node.xattrs);
    Inode inode = {};
    inode.format = static_cast<uint16_t>(1 | (static_cast<unsigned>(plan_.layoutOf(node)) << 1));
    inode.xattrUnits =
        xattrs.empty() ? 0 : static_cast<uint16_t>((xattrs.size() - sizeof(XattrHeader)) / 4 + 1);
    inode.mode = node.mode;
    inode.size = node.size;
    inode.data = dataOf(node);
    inode.number = node.nid;
    inode.uid = node.uid;
    inode.gid = node.gid;
    inode.mtime = static_cast<uint64_t>(node.seconds);
    inode.mtimeNanoseconds = node.nanoseconds;
    inode.links = node.links;
    inodes_.skipTo(node.nid * slotBytes);
    inodes_.putRecord(inode);
    inodes_.put(xattrs);
    putBody(id, node);
  }

  uint32_t dataOf(const Node& node) const {
    switch (node.contents) {
      case Contents::tar:
        return node.size == 0 ? 0 : static_cast<uint32_t>(plan_.endBlock() + node.data);
      case Contents::sparse:
        return chunkFormatIndexes | plan_.chunks(node).shift;
      case Contents::copied:
        return static_cast<uint32_t>(contentsAt_ / blockBytes);
      case Contents::text:
        return static_cast<uint32_t>(data_.position() / blockBytes);
      default:
        return S_ISDIR(node.mode) ? static_cast<uint32_t>(data_.position() / blockBytes) : node.data;
    }
  }

  void putBody(InodeId id, const Node& node) {
    if (S_ISDIR(node.mode)) return putDirectory(id, node);
    if (node.contents == Contents::text) return putOwn(tree_.texts.at(node.data), node);
    if (node.contents == Contents::sparse) return putChunks(node);
    if (node.contents == Contents::copied) return copyContents(tree_.copies[node.data].path, node.size);
  }

  /// The whole of a directory or symlink, or the next of its blocks: behind the inode what fits there.
  void putOwn(std::string_view bytes, const Node& node) {
    const uint64_t inlined = plan_.inlinedBytes(node);
    data_.put(bytes.substr(0, bytes.size() - inlined));
    data_.skipTo(alignedTo(data_.position(), blockBytes));
    inodes_.put(bytes.substr(bytes.size() - inlined));
  }

  // A block has its entries first, then their names.
  void putDirectory(InodeId id, const Node& node) {
    std::string bytes;
    std::vector<DirectoryEntry> entries;
    std::string names;
    const auto finishBlock = [&] {
      for (DirectoryEntry& entry : entries)
        entry.nameAt = static_cast<uint16_t>(entry.nameAt + entries.size() * sizeof entry);
      bytes.resize(alignedTo(bytes.size(), blockBytes), '\0');
      bytes.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(DirectoryEntry));
      bytes.append(names);
      entries.clear();
      names.clear();
    };
    forEachName(tree_, id, [&](std::string_view name, InodeId target) {
      if (!fitsBlock(entries.size() * sizeof(DirectoryEntry) + names.size(), name.size())) finishBlock();
      const Node& child = tree_.node(target);
      entries.push_back({child.nid, static_cast<uint16_t>(names.size()), typeOf(child), 0});
      names.append(name);
    });
    finishBlock();
    putOwn(bytes, node);
  }

  void putChunks(const Node& node) {
    const SparseFile& file = tree_.sparse[node.data];
    const ChunkPlan& plan = plan_.chunks(node);
    inodes_.skipTo(alignedTo(inodes_.position(), sizeof(ChunkIndex)));
    ChunkWalk walk(node.size, file, plan);
    for (uint64_t i = 0; i < plan.count; ++i) {
      const Chunk chunk = walk.next();
      ChunkIndex index{0, 0, hole};
      if (chunk.kind == Chunk::Kind::tar)
        index.block = static_cast<uint32_t>(plan_.endBlock() + chunk.at / blockBytes);
      if (chunk.kind == Chunk::Kind::mixed) {
        index.block = static_cast<uint32_t>(contentsAt_ / blockBytes);
        for (const Piece& piece : chunk.pieces)
          copy(tar_.file, piece.from, contentsAt_ + piece.to, piece.size);
        contentsAt_ += plan.chunkBytes();
      }
      inodes_.putRecord(index);
    }
  }

  void copyContents(const std::string& source, uint64_t size) {
    const Lookup found = lowers_.find(source);
    const std::string name = "/proc/self/fd/" + std::to_string(found.fd.get());
    const sys::UniqueFd from(sys::check(::open(name.c_str(), O_RDONLY | O_CLOEXEC), "open", source));
    copy(from.get(), 0, contentsAt_, size);
    contentsAt_ += alignedTo(size, blockBytes);
  }

  /// What is zero stays a hole of the index.
  void copy(int from, uint64_t at, uint64_t to, uint64_t size) {
    copyBuffer_.resize(bufferSize);
    while (size > 0) {
      const size_t wanted = std::min<uint64_t>(size, copyBuffer_.size());
      const ssize_t got =
          sys::check(::pread(from, copyBuffer_.data(), wanted, static_cast<off_t>(at)), "pread", path_);
      if (got == 0) corrupt("the contents of a layer below end too early");
      const std::string_view piece(copyBuffer_.data(), static_cast<size_t>(got));
      if (!isZero(piece)) sys::pwriteAll(file_, piece, static_cast<off_t>(to), path_);
      at += piece.size();
      to += piece.size();
      size -= piece.size();
    }
  }

  const Tree& tree_;
  const LayoutPlan& plan_;
  const IndexedTar& tar_;
  const LayerStack& lowers_;
  int file_;
  const std::string& path_;
  Part inodes_;
  Part data_;
  uint64_t contentsAt_;
  std::string copyBuffer_;
};

}  // namespace

uint64_t writeIndex(Tree& tree, const IndexedTar& tar, const LayerStack& lowers, int file,
                    const std::string& path) {
  const LayoutPlan plan(tree, tar.bytes);
  return Writer(tree, plan, tar, lowers, file, path).run();
}

}  // namespace strake::layer::erofs
