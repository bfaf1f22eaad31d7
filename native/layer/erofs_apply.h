// A layer's tree from its tar's headers, by the same rules by which apply.h makes files: what is replaced,
// implied, whited out, linked and refused is the same, and the two are tested against each other. The
// contents stay in the tar, and the tree says where.
#pragma once
#include <cstdint>
#include <string>

#include "layer/entries.h"
#include "layer/erofs_tree.h"

namespace strake::layer::erofs {

class IndexApplier final : private EntryMaker {
 public:
  IndexApplier(Tree& tree, uint64_t maxEntries) : tree_(tree), maxEntries_(maxEntries) {}

  /// Takes every entry; answers how many there were. The source of `reader` must be the whole tar from its
  /// first byte on. ERR_LAYER_CORRUPT, ERR_LAYER_UNSAFE, ERR_LAYER_TOO_LARGE (also for data past the 2 TiB
  /// that EROFS can address in blocks of 512 bytes).
  uint64_t apply(TarReader& reader);

 private:
  /// Where an entry goes.
  struct Place {
    InodeId directory;
    std::string_view name;
  };
  struct Walk;

  void describeRoot(const TarEntry& entry) override;
  void makeOpaque(const std::string& directory) override;
  void makeWhiteout(const std::string& path) override;
  void make(TarReader& reader, const TarEntry& entry, const std::string& path) override;
  const Implied& implied() const override { return tree_.implied(); }

  Place placeOf(const std::string& path);
  bool isWhitedOut(const Place& place) const;
  bool markWaiting(const Place& place);
  /// The directory that a path leads to, through links of this layer; `none` when it is absent and not to be
  /// made.
  InodeId directory(std::string_view path, bool create);
  InodeId walk(std::string_view path, bool create);
  void enter(Walk& walk, const std::string& name);
  void followLink(Walk& walk, std::string_view text);

  void makeRegular(const TarEntry& entry, const Place& place);
  void makeDirectory(const TarEntry& entry, const Place& place);
  void makeHardLink(const TarEntry& entry, const Place& place, const std::string& path);
  std::string awaitedBy(InodeId directory, const std::string& target) const;
  void awaitLink(const TarEntry& entry, const Place& place, const std::string& path, std::string target);
  void makeSymlink(const TarEntry& entry, const Place& place);
  void makeSpecial(const TarEntry& entry, const Place& place);
  Node nodeOf(const TarEntry& entry, mode_t type);
  void put(const Place& place, const Node& node);

  Tree& tree_;
  uint64_t maxEntries_;
  AwaitedNames awaitedNames_;
  /// The last directory that was asked for: an archive names one after the other what is in it.
  std::string recentPath_;
  InodeId recent_ = none;
};

}  // namespace strake::layer::erofs
