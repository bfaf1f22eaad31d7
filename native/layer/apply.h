// Makes a layer's files from its tar, in overlayfs' own form: a whiteout is a character device 0/0, an opaque
// directory has the xattr trusted.overlay.opaque. Kept are mode (with setuid, setgid, sticky), owner, mtime
// (ns), xattrs, hard links, devices, fifos and holes. The last of several entries of one name wins, as when a
// tar is unpacked.
//
// Not kept, on purpose: xattrs named trusted.overlay.* and user.overlay.*, with which an image would forge
// what overlayfs itself records; atime (it becomes mtime); user and group names (the numbers count).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "layer/entries.h"
#include "layer/layer_tree.h"
#include "layer/tar_reader.h"

namespace strake::layer {

/// A hard link whose target no entry of the same layer made.
struct LowerLink {
  /// Where it is to stand, and what it leads to: normalised.
  std::string path;
  std::string target;
};

struct ApplyResult {
  uint64_t entries = 0;
  /// Of file contents, holes not counted.
  uint64_t bytes = 0;
  /// LayerTree::implied().
  std::vector<std::string> implied;
  /// In the order of the archive: the layers below may have the targets (complete.h).
  std::vector<LowerLink> links;
  /// Whether there may be whiteouts.
  bool whiteouts = false;
};

/// Gives the calling thread a umask of its own, 0: files are then created with their final mode. To be called
/// once on a thread that unpacks; other threads of the process keep theirs.
void takeOwnUmask();

class Applier final : private EntryMaker {
 public:
  /// `target`: an existing directory. More entries than `maxEntries`, with directories that were only
  /// implied, are ERR_LAYER_TOO_LARGE.
  Applier(const std::string& target, uint64_t maxEntries);

  /// Applies every entry, then the directories' times. Throws Error ERR_LAYER_CORRUPT, ERR_LAYER_UNSAFE,
  /// ERR_LAYER_TOO_LARGE naming the entry, or SysError with its path. After a failure the target is to be
  /// thrown away.
  ApplyResult apply(TarReader& reader);

 private:
  /// Where an entry goes: its directory, open, and its name there.
  struct Place {
    std::shared_ptr<const OpenDirectory> directory;
    std::string name;
    int parent() const { return directory->fd.get(); }
    std::string path() const;
  };

  void describeRoot(const TarEntry& entry) override;
  void makeOpaque(const std::string& directory) override;
  void makeWhiteout(const std::string& path) override;
  void make(TarReader& reader, const TarEntry& entry, const std::string& path) override;
  const Implied& implied() const override { return tree_.impliedTotal(); }
  Place placeOf(std::string_view path);

  void makeRegular(TarReader& reader, const TarEntry& entry, const Place& place);
  void writeData(TarReader& reader, const TarEntry& entry, int fd, const std::string& path);
  void makeDirectory(const TarEntry& entry, const Place& place);
  void replaceByDirectory(const TarEntry& entry, const Place& place);
  void makeHardLink(const TarEntry& entry, const Place& place);
  std::string awaitedBy(const std::string& path, const std::string& target) const;
  void awaitLink(const TarEntry& entry, const Place& place, std::string target);
  void makeSymlink(const TarEntry& entry, const Place& place);
  void makeSpecial(const TarEntry& entry, const Place& place);

  /// Removes what is at `place`, that something else may take it.
  void clear(const Place& place);
  /// Calls `make` (a system call) until the name is free.
  template <typename Make>
  int makeNew(const Place& place, const char* call, Make make);
  /// Owner, xattrs and mtime of what is no regular file and no directory.
  void finishByName(const TarEntry& entry, const Place& place);
  /// Where one id exists, everything is its.
  bool isForeign(const TarEntry& entry) const {
    return !singleId_ && (entry.uid != uid_ || entry.gid != gid_);
  }
  void finishDirectories();
  std::vector<LowerLink> lowerLinks() const;

  LayerTree tree_;
  uint64_t maxEntries_;
  /// Who owns what this process creates.
  uid_t uid_;
  gid_t gid_;
  bool singleId_;
  ApplyResult result_;
  /// What a link that waits for the layers below leads to, by the link's path, with its place among them.
  std::map<std::string, std::pair<uint64_t, std::string>> links_;
  uint64_t linkCount_ = 0;
  AwaitedNames awaited_;
};

}  // namespace strake::layer
