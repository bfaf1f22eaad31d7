// The names and inodes of a layer in the making, without contents: what becomes its EROFS index.
//
// A million files are held in some 100 MB: 48 bytes an inode, 12 a name and 6 to 12 of the table that finds
// it, and the name's own bytes with two more. What is removed or replaced stays allocated until the end, so
// memory is bounded by the number of entries and by heldBytes(), both of which the caller bounds.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layer/entries.h"
#include "layer/erofs_texts.h"
#include "layer/erofs_xattrs.h"
#include "layer/tar_entry.h"

namespace strake::layer::erofs {

using InodeId = uint32_t;
using NameId = uint32_t;
inline constexpr uint32_t none = UINT32_MAX;
inline constexpr InodeId rootId = 0;

/// What Node::data is.
enum class Contents : uint8_t {
  /// Directory: its parent's InodeId. Device: its number. Fifo: nothing.
  unused,
  /// First block of the tar.
  tar,
  /// Symlink: its text.
  text,
  /// Place in Tree::sparse.
  sparse,
  /// Place in Tree::copies.
  copied,
  /// A hard link that waits for the layers below, and is not there until then. Place in Tree::awaited.
  awaited
};

struct Node {
  int64_t seconds = 0;
  /// Of a directory while the tree grows: the length of its path.
  uint64_t size = 0;
  uint32_t nanoseconds = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t data = 0;
  XattrSets::Id xattrs = 0;
  /// Names that lead to it, once arranged.
  uint32_t links = 0;
  /// Its place in the index in units of 32 bytes, once laid out; 0 before.
  uint32_t nid = 0;
  uint16_t mode = 0;
  Contents contents = Contents::unused;
  /// A directory that no entry of the archive named.
  bool implied : 1 = false;
  /// Of a directory; of a link that waits: a whiteout stands beside it.
  bool opaque : 1 = false;
  /// A directory whose name was taken away or given to something else.
  bool gone : 1 = false;
};
static_assert(sizeof(Node) == 48);

/// A sparse file: its extents follow one another in the tar from `at` (bytes) on.
struct SparseFile {
  uint64_t at = 0;
  std::vector<Extent> extents;
};

/// A file of the layers below, by its path there, whose contents are copied into the index.
struct CopiedFile {
  std::string path;
};

/// A hard link to what no entry of this layer has made.
struct AwaitedLink {
  NameId name = none;
  std::string path;
  std::string target;
};

class Tree {
 public:
  Tree();

  Node& node(InodeId id) { return nodes_[id]; }
  const Node& node(InodeId id) const { return nodes_[id]; }
  InodeId add(const Node& node);
  size_t nodeCount() const { return nodes_.size(); }

  /// The name in the directory; `none` when there is none, or only one that waits.
  NameId find(InodeId directory, std::string_view name) const;
  /// The same, and also one that waits.
  NameId findAny(InodeId directory, std::string_view name) const;
  InodeId target(NameId name) const { return names_[name].inode; }
  InodeId directoryOf(NameId name) const { return names_[name].directory; }
  std::string_view textOf(NameId name) const { return texts.at(names_[name].text); }
  /// Gives `inode` the name, whatever had it before.
  NameId put(InodeId directory, std::string_view name, InodeId inode);
  /// Takes the name away, and with it all that is below.
  void remove(NameId name);
  /// Whether a directory can still be reached from the root.
  bool isReachable(InodeId directory) const;
  /// Whether a directory is `ancestor` or below it.
  bool isWithin(InodeId directory, InodeId ancestor) const;
  NameId nameCount() const { return static_cast<NameId>(names_.size()); }

  /// A directory 0755 of root.
  InodeId makeDirectory(InodeId parent, std::string_view name, bool implied);
  InodeId parentOf(InodeId directory) const { return nodes_[directory].data; }
  /// Puts a directory, which has lost its name, into another one.
  void moveDirectory(InodeId directory, InodeId parent, std::string_view name);
  /// Directories that were made so far and that no entry named.
  const Implied& implied() const { return implied_; }

  /// Memory that texts, xattrs and the extents of sparse files take.
  uint64_t heldBytes() const { return texts.bytes() + xattrs.totalBytes() + extentBytes_; }
  /// Answers its place in `sparse`.
  uint32_t addSparse(const SparseFile& file);

  /// The names of each directory that can be reached, sorted by bytes; counts links. Afterwards nothing
  /// changes.
  void arrange();
  /// Of a directory, once arranged.
  std::vector<NameId>::const_iterator namesBegin(InodeId directory) const {
    return order_.begin() + starts_[directory];
  }
  std::vector<NameId>::const_iterator namesEnd(InodeId directory) const {
    return order_.begin() + starts_[directory + 1];
  }

  Texts texts;
  XattrSets xattrs;
  std::vector<SparseFile> sparse;
  std::vector<CopiedFile> copies;
  std::vector<AwaitedLink> awaited;

 private:
  struct Name {
    InodeId directory;
    uint32_t text;
    InodeId inode;
  };

  size_t slotOf(InodeId directory, std::string_view name) const;
  void grow();
  void countLinks();

  std::deque<Node> nodes_;
  std::deque<Name> names_;
  /// Open addressing; names that were taken away stay in it, for when they come again.
  std::vector<NameId> slots_;
  Implied implied_;
  uint64_t extentBytes_ = 0;
  std::vector<NameId> order_;
  std::vector<uint32_t> starts_;
};

/// A character device 0/0: overlayfs' whiteout.
bool isWhiteout(const Node& node);

}  // namespace strake::layer::erofs
