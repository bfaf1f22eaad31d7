#include "layer/erofs_complete.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "layer/entries.h"
#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/xattrs.h"
#include "sys/directory.h"
#include "sys/error.h"

namespace strake::layer::erofs {

namespace {

/// What a path of the layer above those below names: something of its own, or of theirs.
struct Sight {
  Found kind = Found::absent;
  InodeId own = none;
  Lookup below = {};
};

Found kindOf(const Node& node) {
  if (S_ISDIR(node.mode)) return Found::directory;
  return S_ISLNK(node.mode) ? Found::symlink : Found::other;
}

class Completion {
 public:
  Completion(Tree& tree, const LayerStack& lowers) : tree_(tree), lowers_(lowers) {}

  void run() {
    listDirectories();
    for (const auto& [path, directory] : impliedByPath()) redirect(directory);
    for (const AwaitedLink& link : tree_.awaited) makeLink(link);
    for (const auto& [path, directory] : impliedByPath()) adopt(path, directory);
    removeIdleWhiteouts();
    if (tree_.node(rootId).opaque) hideLowerRoots();
  }

 private:
  void listDirectories() {
    for (NameId name = 0; name < tree_.nameCount(); ++name) {
      const InodeId inode = tree_.target(name);
      if (inode != none && S_ISDIR(tree_.node(inode).mode)) nameOf_[inode] = name;
    }
  }

  std::string pathOf(InodeId directory) const {
    std::vector<std::string_view> names;
    for (; directory != rootId; directory = tree_.parentOf(directory))
      names.push_back(tree_.textOf(nameOf_.at(directory)));
    std::string path;
    for (auto name = names.rbegin(); name != names.rend(); ++name)
      path.append(path.empty() ? "" : "/").append(*name);
    return path;
  }

  /// Directories that no entry named and that are still there, parents first.
  std::map<std::string, InodeId> impliedByPath() const {
    std::map<std::string, InodeId> implied;
    for (InodeId id = 0; id < tree_.nodeCount(); ++id) {
      const Node& node = tree_.node(id);
      if (node.implied && S_ISDIR(node.mode) && tree_.isReachable(id)) implied.emplace(pathOf(id), id);
    }
    return implied;
  }

  /// A directory below an opaque one of this layer has nothing to take from the layers below.
  bool isHiddenHere(InodeId directory) const {
    while (directory != rootId) {
      directory = tree_.parentOf(directory);
      if (tree_.node(directory).opaque) return true;
    }
    return false;
  }

  Sight find(const std::string& path) const {
    InodeId at = rootId;
    bool opaque = tree_.node(at).opaque;
    for (const std::string& name : namesOf(path)) {
      if (!S_ISDIR(tree_.node(at).mode)) return {};
      const NameId found = tree_.find(at, name);
      if (found == none && opaque) return {};
      if (found == none) {
        Lookup below = lowers_.find(path);
        return {below.kind, none, std::move(below)};
      }
      at = tree_.target(found);
      if (isWhiteout(tree_.node(at))) return {};
      opaque = opaque || tree_.node(at).opaque;
    }
    return {kindOf(tree_.node(at)), at, {}};
  }

  std::optional<std::string> resolve(const std::string& at, std::string_view path) const {
    const auto look = [this](const std::string& next) {
      const Sight sight = find(next);
      if (sight.kind != Found::symlink) return Step{sight.kind};
      if (sight.own == none) return Step{sight.kind, linkText(sight.below.fd.get(), next)};
      return Step{sight.kind, std::string(tree_.texts.at(tree_.node(sight.own).data))};
    };
    return resolveLinks(look, at, path);
  }

  /// Moves what the layer has in an implied directory to where the layers below say that it leads.
  void redirect(InodeId directory) {
    if (directory == rootId || !tree_.node(directory).implied) return;
    if (!tree_.isReachable(directory) || isHiddenHere(directory)) return;
    const std::string path = pathOf(directory);
    const Lookup below = lowers_.find(path);
    if (below.kind != Found::symlink) return;
    const std::string link = linkText(below.fd.get(), path);
    const std::string from(link.starts_with('/') ? "" : parentOf(path));
    const std::optional<std::string> place = resolve(from, link);
    if (!place || *place == path || place->starts_with(path + "/")) return;
    const InodeId to = makeDirectories(*place);
    if (to == none) return;
    listChildren();
    // First its own name: what is moved out of it may take that.
    tree_.remove(nameOf_.at(directory));
    mergeInto(directory, to);
  }

  /// Makes `path` and its parents in the layer; what is made is implied too. `none`: something else is there.
  InodeId makeDirectories(const std::string& path) {
    InodeId at = rootId;
    for (const std::string& name : namesOf(path)) {
      const NameId found = tree_.find(at, name);
      if (found == none)
        at = makeDirectory(at, name);
      else if (S_ISDIR(tree_.node(tree_.target(found)).mode))
        at = tree_.target(found);
      else
        return none;
    }
    return at;
  }

  InodeId makeDirectory(InodeId parent, const std::string& name) {
    const InodeId made = tree_.makeDirectory(parent, name, true);
    noteName(parent, tree_.find(parent, name));
    return made;
  }

  void noteName(InodeId parent, NameId name) {
    const InodeId inode = tree_.target(name);
    if (S_ISDIR(tree_.node(inode).mode)) nameOf_[inode] = name;
    if (!children_.empty()) children_[parent].push_back(name);
  }

  /// The names of each directory, before anything is moved.
  void listChildren() {
    if (!children_.empty()) return;
    for (NameId name = 0; name < tree_.nameCount(); ++name)
      if (tree_.target(name) != none) children_[tree_.directoryOf(name)].push_back(name);
  }

  /// Directories of the same name are merged, a whiteout, which speaks of the layers below alone, stands
  /// behind what this layer has, of other things the moved one wins.
  void mergeInto(InodeId from, InodeId to) {
    if (tree_.node(from).opaque) tree_.node(to).opaque = true;
    for (const NameId name : std::exchange(children_[from], {})) {
      const InodeId moved = tree_.target(name);
      if (moved == none) continue;
      const std::string text(tree_.textOf(name));
      const NameId there = tree_.findAny(to, text);
      // What is there already is later than a link that still waits.
      const bool taken = tree_.find(to, text) != none && !isWhiteout(tree_.node(tree_.target(there)));
      if (taken && tree_.node(moved).contents == Contents::awaited) continue;
      if (there != none && S_ISDIR(tree_.node(moved).mode) && S_ISDIR(tree_.node(tree_.target(there)).mode)) {
        mergeMetadata(moved, tree_.target(there));
        mergeInto(moved, tree_.target(there));
        tree_.remove(name);
        continue;
      }
      if (there != none && isWhiteout(tree_.node(moved))) {
        Node& existing = tree_.node(tree_.target(there));
        if (S_ISDIR(existing.mode) || existing.contents == Contents::awaited) existing.opaque = true;
        tree_.remove(name);
        continue;
      }
      if (there != none && isWhiteout(tree_.node(tree_.target(there))) && S_ISDIR(tree_.node(moved).mode))
        tree_.node(moved).opaque = true;
      move(name, moved, to, text);
    }
  }

  /// Of two directories that become one the archive described one or both: that is what it is.
  void mergeMetadata(InodeId from, InodeId to) {
    const Node& source = tree_.node(from);
    Node& target = tree_.node(to);
    if (source.implied || !target.implied) return;
    target.mode = source.mode;
    target.uid = source.uid;
    target.gid = source.gid;
    target.seconds = source.seconds;
    target.nanoseconds = source.nanoseconds;
    target.xattrs = source.xattrs;
    target.implied = false;
  }

  void move(NameId name, InodeId moved, InodeId to, const std::string& text) {
    tree_.remove(name);
    if (S_ISDIR(tree_.node(moved).mode))
      tree_.moveDirectory(moved, to, text);
    else
      tree_.put(to, text, moved);
    const NameId now = tree_.findAny(to, text);
    noteName(to, now);
    Node& node = tree_.node(moved);
    if (node.contents == Contents::awaited) tree_.awaited[node.data].name = now;
  }

  /// What a hard link leads to.
  struct Source {
    std::string path;
    Sight sight;
    /// Whether the layer leaves it visible. What it hides it may have renamed.
    bool visible = false;
  };

  void makeLink(const AwaitedLink& link) {
    const InodeId waiting = tree_.target(link.name);
    if (waiting == none || tree_.node(waiting).contents != Contents::awaited)
      return;  // something else took its place
    if (&tree_.awaited[tree_.node(waiting).data] != &link) return;
    const InodeId directory = tree_.directoryOf(link.name);
    if (!tree_.isReachable(directory)) return;
    Source source = sourceOf(link.target);
    if (source.sight.kind == Found::absent) refuseLostLink(link.path, link.target);
    const std::string name(tree_.textOf(link.name));
    if (source.visible && source.path.starts_with(joined(pathOf(directory), name) + "/"))
      refuseLinkToBelow(link.path, link.target);
    tree_.put(directory, name, bring(source));
  }

  static bool isFile(Found kind) { return kind == Found::symlink || kind == Found::other; }

  Source sourceOf(const std::string& target) {
    if (const auto directory = resolve("", parentOf(target))) {
      std::string path = joined(*directory, baseOf(target));
      Sight sight = find(path);
      if (isFile(sight.kind)) return {std::move(path), std::move(sight), true};
    }
    if (const auto directory = lowers_.resolve("", parentOf(target))) {
      std::string path = joined(*directory, baseOf(target));
      Lookup below = lowers_.find(path);
      if (isFile(below.kind)) return {std::move(path), {below.kind, none, std::move(below)}, false};
    }
    return {};
  }

  /// Sees to it that the layer has what a link leads to. What the layer hides gets no other name than the
  /// link's.
  InodeId bring(const Source& source) {
    if (source.sight.own != none) return source.sight.own;
    const struct stat& status = source.sight.below.status;
    const auto [copy, isFirst] = copies_.try_emplace({status.st_dev, status.st_ino}, none);
    if (isFirst) copy->second = copyOf(source);
    if (source.visible) {
      const InodeId parent = makeDirectories(std::string(parentOf(source.path)));
      if (parent == none)
        corrupt("tar: " + quoted(parentOf(source.path)) + " is used as a directory and is none");
      tree_.put(parent, baseOf(source.path), copy->second);
    }
    return copy->second;
  }

  InodeId copyOf(const Source& source) {
    const struct stat& status = source.sight.below.status;
    const int file = source.sight.below.fd.get();
    Node node;
    node.mode = static_cast<uint16_t>(status.st_mode);
    describe(node, status, readXattrs(file, source.path), source.path);
    if (S_ISREG(node.mode)) {
      node.size = static_cast<uint64_t>(status.st_size);
      node.contents = Contents::copied;
      node.data = static_cast<uint32_t>(tree_.copies.size());
      tree_.copies.push_back({source.path});
    } else if (S_ISLNK(node.mode)) {
      const std::string text = linkText(file, source.path);
      node.size = text.size();
      node.contents = Contents::text;
      node.data = tree_.texts.add(text);
    } else {
      const unsigned major = ::major(status.st_rdev), minor = ::minor(status.st_rdev);
      node.data = (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
    }
    return tree_.add(node);
  }

  void describe(Node& node, const struct stat& status, const Xattrs& xattrs, const std::string& path) {
    node.mode = static_cast<uint16_t>((node.mode & S_IFMT) | (status.st_mode & 07777));
    node.uid = status.st_uid;
    node.gid = status.st_gid;
    node.seconds = status.st_mtim.tv_sec;
    node.nanoseconds = static_cast<uint32_t>(status.st_mtim.tv_nsec);
    node.xattrs = tree_.xattrs.merge(node.xattrs, xattrs, node.mode, path);
  }

  void adopt(const std::string& path, InodeId directory) {
    if (isHiddenHere(directory)) return;
    const Lookup below = lowers_.find(path);
    if (below.kind != Found::directory) return;
    describe(tree_.node(directory), below.status, readXattrs(below.fd.get(), path), path);
  }

  /// Those that hide nothing (idle_whiteouts.h).
  void removeIdleWhiteouts() {
    for (NameId name = 0; name < tree_.nameCount(); ++name) {
      const InodeId inode = tree_.target(name);
      if (inode == none || !isWhiteout(tree_.node(inode))) continue;
      const InodeId directory = tree_.directoryOf(name);
      if (tree_.isReachable(directory) && isIdle(directory, std::string(tree_.textOf(name))))
        tree_.remove(name);
    }
  }

  bool isIdle(InodeId directory, const std::string& name) const {
    return tree_.node(directory).opaque || isHiddenHere(directory) ||
           lowers_.find(joined(pathOf(directory), name)).kind == Found::absent;
  }

  /// Every name below is hidden by itself: overlayfs does not ask whether a root is opaque.
  void hideLowerRoots() {
    for (size_t layer = 0; layer < lowers_.size(); ++layer) {
      const int fd = ::openat(lowers_.root(layer), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      sys::Directory names(sys::UniqueFd(sys::check(fd, "openat", ".")), ".");
      while (const std::optional<sys::DirectoryEntry> entry = names.next()) hideName(entry->name);
    }
  }

  void hideName(const std::string& name) {
    const NameId found = tree_.find(rootId, name);
    if (found == none) {
      Node whiteout;
      whiteout.mode = S_IFCHR;
      tree_.put(rootId, name, tree_.add(whiteout));
    } else if (Node& node = tree_.node(tree_.target(found)); S_ISDIR(node.mode)) {
      node.opaque = true;
    }
  }

  Tree& tree_;
  const LayerStack& lowers_;
  std::unordered_map<InodeId, NameId> nameOf_;
  std::unordered_map<InodeId, std::vector<NameId>> children_;
  /// Files of the layers below that were brought in.
  std::map<std::pair<dev_t, ino_t>, InodeId> copies_;
};

}  // namespace

void complete(Tree& tree, const LayerStack& lowers) {
  Completion(tree, lowers).run();
}

}  // namespace strake::layer::erofs
