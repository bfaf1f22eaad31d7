#include "layer/erofs_apply.h"

#include <sys/sysmacros.h>

#include <deque>

#include "layer/entry_path.h"
#include "layer/erofs_format.h"
#include "layer/error.h"

namespace strake::layer::erofs {

namespace {

constexpr int maxLinks = 40;
/// Of names, link texts, xattrs and sparse maps: a hundred bytes for each of five million files.
constexpr uint64_t maxHeldBytes = 512 << 20;

/// Linux' own form of a device number (new_encode_dev): 12 bits of major, 20 of minor.
uint32_t deviceNumber(const TarEntry& entry) {
  if (entry.deviceMajor >> 12 != 0 || entry.deviceMinor >> 20 != 0)
    corrupt("tar: entry " + quoted(entry.path) + " has a device number that Linux does not have");
  return (entry.deviceMinor & 0xff) | (entry.deviceMajor << 8) | ((entry.deviceMinor & ~0xffu) << 12);
}

mode_t typeOf(EntryType type) {
  switch (type) {
    case EntryType::charDevice:
      return S_IFCHR;
    case EntryType::blockDevice:
      return S_IFBLK;
    default:
      return S_IFIFO;
  }
}

void describe(Node& node, const TarEntry& entry) {
  node.mode = static_cast<uint16_t>((node.mode & S_IFMT) | entry.mode);
  node.uid = entry.uid;
  node.gid = entry.gid;
  node.seconds = entry.mtime.tv_sec;
  node.nanoseconds = static_cast<uint32_t>(entry.mtime.tv_nsec);
  node.implied = false;
}

}  // namespace

/// A lookup in progress: where it stands, and the names that are still to be taken.
struct IndexApplier::Walk {
  std::string_view path;
  bool create;
  InodeId at = rootId;
  std::deque<std::string> names;
  int links = 0;
};

uint64_t IndexApplier::apply(TarReader& reader) {
  return makeEntries(reader, *this, maxEntries_);
}

void IndexApplier::describeRoot(const TarEntry& entry) {
  Node& root = tree_.node(rootId);
  describe(root, entry);
  root.xattrs = tree_.xattrs.merge(root.xattrs, entry.xattrs, root.mode, entry.path);
}

void IndexApplier::makeOpaque(const std::string& path) {
  tree_.node(directory(path, true)).opaque = true;
}

// A file hides a lower one by itself; a directory must be made opaque.
void IndexApplier::makeWhiteout(const std::string& path) {
  const Place place = placeOf(path);
  const NameId there = tree_.findAny(place.directory, place.name);
  if (there == none) {
    Node whiteout;
    whiteout.mode = S_IFCHR;
    tree_.put(place.directory, place.name, tree_.add(whiteout));
    return;
  }
  Node& node = tree_.node(tree_.target(there));
  if (S_ISDIR(node.mode) || node.contents == Contents::awaited) node.opaque = true;
}

// Notes a whiteout beside a link that waits; false where none does.
bool IndexApplier::markWaiting(const Place& place) {
  const NameId there = tree_.findAny(place.directory, place.name);
  if (there == none || tree_.node(tree_.target(there)).contents != Contents::awaited) return false;
  tree_.node(tree_.target(there)).opaque = true;
  return true;
}

// What takes the place of a whiteout, also of one beside a link that waits.
bool IndexApplier::isWhitedOut(const Place& place) const {
  const NameId there = tree_.findAny(place.directory, place.name);
  if (there == none) return false;
  const Node& node = tree_.node(tree_.target(there));
  return isWhiteout(node) || (node.contents == Contents::awaited && node.opaque);
}

void IndexApplier::make(TarReader&, const TarEntry& entry, const std::string& path) {
  if (tree_.heldBytes() > maxHeldBytes)
    tooLarge("tar: names, xattrs and sparse maps take more than " + std::to_string(maxHeldBytes) +
             " bytes, at " + quoted(entry.path));
  const Place place = placeOf(path);
  switch (entry.type) {
    case EntryType::regular:
      return makeRegular(entry, place);
    case EntryType::directory:
      return makeDirectory(entry, place);
    case EntryType::hardLink:
      return makeHardLink(entry, place, path);
    case EntryType::symlink:
      return makeSymlink(entry, place);
    default:
      return makeSpecial(entry, place);
  }
}

IndexApplier::Place IndexApplier::placeOf(const std::string& path) {
  return {directory(parentOf(path), true), baseOf(path)};
}

InodeId IndexApplier::directory(std::string_view path, bool create) {
  if (path.empty()) return rootId;
  if (recent_ != none && recentPath_ == path) return recent_;
  const InodeId found = walk(path, create);
  if (found == none) return none;
  recentPath_ = path;
  recent_ = found;
  return found;
}

InodeId IndexApplier::walk(std::string_view path, bool create) {
  Walk walk{path, create, rootId, namesOf(path)};
  while (walk.at != none && !walk.names.empty()) {
    const std::string name = std::move(walk.names.front());
    walk.names.pop_front();
    if (name == ".") continue;
    if (name == "..")
      walk.at = tree_.parentOf(walk.at);
    else
      enter(walk, name);
  }
  return walk.at;
}

void IndexApplier::enter(Walk& walk, const std::string& name) {
  const NameId found = tree_.find(walk.at, name);
  if (found == none && !walk.create) {
    walk.at = none;
    return;
  }
  if (found != none) {
    const InodeId target = tree_.target(found);
    const Node& node = tree_.node(target);
    if (S_ISDIR(node.mode)) {
      walk.at = target;
      return;
    }
    if (S_ISLNK(node.mode)) return followLink(walk, tree_.texts.at(node.data));
    if (!isWhiteout(node) || !walk.create)
      corrupt("tar: the " + quoted(name) + " of " + quoted(walk.path) +
              " is used as a directory and is none");
  }
  if (name.size() > maxName || tree_.node(walk.at).size + name.size() > maxPath)
    corrupt("tar: the directory " + quoted(walk.path) + " lies too deep");
  if (found == none && tree_.findAny(walk.at, name) != none) refuseLinkAsDirectory(name);
  // A whiteout, which speaks of the layers below alone, makes way for an opaque directory.
  const bool opaque = isWhitedOut({walk.at, name});
  walk.at = tree_.makeDirectory(walk.at, name, true);
  tree_.node(walk.at).opaque = opaque;
}

void IndexApplier::followLink(Walk& walk, std::string_view text) {
  if (++walk.links > maxLinks) unsafe("tar: the links on the way to " + quoted(walk.path) + " have no end");
  if (text.starts_with('/')) walk.at = rootId;
  const auto names = namesOf(text);
  walk.names.insert(walk.names.begin(), names.begin(), names.end());
}

Node IndexApplier::nodeOf(const TarEntry& entry, mode_t type) {
  Node node;
  node.mode = static_cast<uint16_t>(type);
  describe(node, entry);
  node.xattrs = tree_.xattrs.merge(0, entry.xattrs, type, entry.path);
  return node;
}

// Paths that led through a link or a directory lead elsewhere from now on.
void IndexApplier::put(const Place& place, const Node& node) {
  recent_ = none;
  tree_.put(place.directory, place.name, tree_.add(node));
}

void IndexApplier::makeRegular(const TarEntry& entry, const Place& place) {
  Node node = nodeOf(entry, S_IFREG);
  node.size = entry.size;
  const bool plain = entry.extents.empty() ? entry.size == 0 : entry.extents.front().size == entry.size;
  if (plain) {
    const uint64_t block = entry.dataAt >> blockBits;
    if (block + (entry.size >> blockBits) >= hole)
      tooLarge("tar: the data of " + quoted(entry.path) + " lie beyond the 2 TiB that a layer can hold");
    node.contents = Contents::tar;
    node.data = static_cast<uint32_t>(block);
  } else {
    node.contents = Contents::sparse;
    node.data = tree_.addSparse({entry.dataAt, entry.extents});
  }
  put(place, node);
}

// A directory that is there already keeps its contents. One that takes a file's place hides the one below, as
// that did; a whiteout and a directory together mean "gone, and made anew".
void IndexApplier::makeDirectory(const TarEntry& entry, const Place& place) {
  const NameId found = tree_.find(place.directory, place.name);
  InodeId target = found == none ? none : tree_.target(found);
  if (target == none || !S_ISDIR(tree_.node(target).mode)) {
    const bool hides = tree_.findAny(place.directory, place.name) != none;
    recent_ = none;
    target = tree_.makeDirectory(place.directory, place.name, false);
    tree_.node(target).opaque = hides;
  }
  Node& node = tree_.node(target);
  describe(node, entry);
  node.xattrs = tree_.xattrs.merge(node.xattrs, entry.xattrs, node.mode, entry.path);
}

void IndexApplier::makeHardLink(const TarEntry& entry, const Place& place, const std::string& path) {
  const std::string target = normalise(entry.target);
  if (target.empty()) refuseLinkToDirectory(entry);
  const InodeId directory = this->directory(parentOf(target), false);
  const NameId found = directory == none ? none : tree_.find(directory, baseOf(target));
  const InodeId inode = found == none ? none : tree_.target(found);
  if (inode == none || isWhiteout(tree_.node(inode)))
    return awaitLink(entry, place, path, directory == none ? target : awaitedBy(directory, target));
  if (S_ISDIR(tree_.node(inode).mode)) refuseLinkToDirectory(entry);
  const NameId replaced = tree_.find(place.directory, place.name);
  if (replaced != none && tree_.isWithin(directory, tree_.target(replaced)))
    refuseLinkToBelow(entry.path, entry.target);
  recent_ = none;
  tree_.put(place.directory, place.name, inode);
}

// A link to a link that waits waits for the same, whatever takes that one's place later.
std::string IndexApplier::awaitedBy(InodeId directory, const std::string& target) const {
  const NameId found = tree_.findAny(directory, baseOf(target));
  if (found == none) return target;
  const Node& node = tree_.node(tree_.target(found));
  return node.contents == Contents::awaited ? tree_.awaited[node.data].target : target;
}

// Its target may be a file of a layer below, which is known when the layer is committed.
void IndexApplier::awaitLink(const TarEntry& entry, const Place& place, const std::string& path,
                             std::string target) {
  awaitedNames_.count(path.size() + target.size(), entry);
  Node node;
  node.contents = Contents::awaited;
  node.data = static_cast<uint32_t>(tree_.awaited.size());
  recent_ = none;
  const NameId name = tree_.put(place.directory, place.name, tree_.add(node));
  tree_.awaited.push_back({name, path, std::move(target)});
}

void IndexApplier::makeSymlink(const TarEntry& entry, const Place& place) {
  verifySymlink(entry);
  Node node = nodeOf(entry, S_IFLNK);
  node.mode = S_IFLNK | 0777;
  node.size = entry.target.size();
  node.contents = Contents::text;
  node.data = tree_.texts.add(entry.target);
  put(place, node);
}

// A character device 0/0 is overlayfs' whiteout; in a tar it hides what ".wh.NAME" may hide just as well.
void IndexApplier::makeSpecial(const TarEntry& entry, const Place& place) {
  Node node = nodeOf(entry, typeOf(entry.type));
  if (entry.type != EntryType::fifo) node.data = deviceNumber(entry);
  if (isWhiteout(node) && markWaiting(place)) return;
  put(place, node);
}

}  // namespace strake::layer::erofs
