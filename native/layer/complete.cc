#include "layer/complete.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "layer/copy_up.h"
#include "layer/entries.h"
#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/idle_whiteouts.h"
#include "layer/keep_times.h"
#include "layer/layer_stack.h"
#include "layer/layer_tree.h"
#include "layer/xattrs.h"
#include "sys/directory.h"
#include "sys/error.h"
#include "sys/remove_tree.h"

namespace strake::layer {

namespace {

std::vector<sys::LayerRef> withTarget(const std::string& target, const std::vector<sys::LayerRef>& lowers) {
  std::vector<sys::LayerRef> layers = {{.directory = target}};
  layers.insert(layers.end(), lowers.begin(), lowers.end());
  return layers;
}

class Completion {
 public:
  Completion(const std::string& target, const std::vector<sys::LayerRef>& lowers)
      : lowers_(lowers), merged_(withTarget(target, lowers), 1), root_(merged_.root(0)) {}

  uint64_t run(const ApplyResult& applied) {
    for (const std::string& path : applied.implied) addImplied(normalise(path));
    for (size_t i = 0; i < paths_.size(); ++i) redirect(i);
    for (const LowerLink& link : applied.links) makeLink(link);
    for (const std::optional<std::string>& path : paths_) {
      if (path && implied_.contains(*path)) adopt(*path);
    }
    if (applied.whiteouts) removeIdleWhiteouts(root_, lowers_);
    if (isOpaque(root_)) hideLowerRoots();
    return copied_;
  }

 private:
  sys::UniqueFd open(const std::string& path) {
    return openBeneath(root_, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  }

  // A directory below an opaque one of this layer has nothing to take from the layers below.
  bool isHiddenHere(std::string_view path) {
    while (!path.empty()) {
      path = parentOf(path);
      const sys::UniqueFd parent = open(std::string(path));
      if (parent && isOpaque(parent.get())) return true;
    }
    return false;
  }

  /// Whether opening a directory says that something else has its place: what was moved there.
  static bool isReplaced(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

  /// Moves what the layer has at the i-th path to where the layers below say that it leads.
  void redirect(size_t i) {
    const std::string path = *paths_[i];
    if (path.empty() || !implied_.contains(path) || isHiddenHere(path)) return;
    const Lookup below = lowers_.find(path);
    if (below.kind != Found::symlink) return;
    if (!open(path) && isReplaced(errno)) return;
    const std::string link = linkText(below.fd.get(), path);
    const std::string from(link.starts_with('/') ? "" : parentOf(path));
    const std::optional<std::string> place = merged_.resolve(from, link);
    if (!place || *place == path || place->starts_with(path + "/") || !makeDirectories(*place)) return;
    move(path, *place);
    paths_[i].reset();
    implied_.erase(path);
    for (std::optional<std::string>& other : paths_) {
      if (!other || !other->starts_with(path + "/")) continue;
      std::string moved = joined(*place, other->substr(path.size() + 1));
      if (implied_.erase(*other) > 0) implied_.insert(moved);
      other = std::move(moved);
    }
  }

  void addImplied(const std::string& path) {
    paths_.push_back(path);
    implied_.insert(path);
  }

  /// Makes `path` and its parents in the layer; what is made is implied too. false: something else is there.
  bool makeDirectories(const std::string& path) {
    if (path.empty()) return true;
    const std::string parent(parentOf(path));
    if (!makeDirectories(parent)) return false;
    if (open(path)) return true;
    const sys::UniqueFd directory = open(parent);
    const KeepTimes keep(directory.get());
    if (::mkdirat(directory.get(), std::string(baseOf(path)).c_str(), 0755) < 0) {
      if (errno == EEXIST) return false;
      sys::throwErrno("mkdirat", path);
    }
    addImplied(path);
    return true;
  }

  void move(const std::string& from, const std::string& to) {
    const std::string aside = setAside(from);
    mergeInto({open(aside), from}, {open(to), to});
    const KeepTimes keep(root_);
    sys::check(::unlinkat(root_, aside.c_str(), AT_REMOVEDIR), "unlinkat", from);
  }

  /// Renames a directory to a name of the root that nothing has: what is moved out of it may take its place.
  std::string setAside(const std::string& path) {
    const sys::UniqueFd parent = open(std::string(parentOf(path)));
    const KeepTimes keep(parent.get()), keepRoot(root_);
    for (unsigned attempt = 0;; ++attempt) {
      std::string aside = ".moving-" + std::to_string(attempt);
      if (::renameat2(parent.get(), std::string(baseOf(path)).c_str(), root_, aside.c_str(),
                      RENAME_NOREPLACE) == 0)
        return aside;
      if (errno != EEXIST) sys::throwErrno("renameat2", path);
    }
  }

  /// An open directory of the layer.
  struct Place {
    sys::UniqueFd fd;
    std::string path;
  };

  /// Renames all of `from` into `to`; directories of the same name are merged, a whiteout, which
  /// speaks of the layers below alone, stands behind what this layer has, of other things the moved one wins.
  void mergeInto(Place from, const Place& to) {
    sys::check(from.fd.get(), "openat2", from.path);
    sys::check(to.fd.get(), "openat2", to.path);
    if (isOpaque(from.fd.get())) makeOpaque(to.fd.get(), to.path);
    const KeepTimes keep(to.fd.get());
    sys::Directory directory(std::move(from.fd), from.path);
    for (const std::string& name : directory.names()) {
      const std::string path = joined(from.path, name);
      if (::renameat2(directory.fd(), name.c_str(), to.fd.get(), name.c_str(), RENAME_NOREPLACE) == 0)
        continue;
      if (errno != EEXIST) sys::throwErrno("renameat2", path);
      resolveConflict(directory.fd(), to, name, path);
    }
  }

  void resolveConflict(int from, const Place& to, const std::string& name, const std::string& path) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    sys::UniqueFd source(::openat(from, name.c_str(), flags));
    const Place existing{sys::UniqueFd(::openat(to.fd.get(), name.c_str(), flags)), joined(to.path, name)};
    if (source && existing.fd) {
      mergeMetadata(source.get(), path, existing);
      mergeInto({std::move(source), path}, existing);
      sys::check(::unlinkat(from, name.c_str(), AT_REMOVEDIR), "unlinkat", path);
      return;
    }
    if (isWhiteoutAt(from, name)) {
      if (existing.fd) makeOpaque(existing.fd.get(), existing.path);
      sys::check(::unlinkat(from, name.c_str(), 0), "unlinkat", path);
      return;
    }
    if (source && isWhiteoutAt(to.fd.get(), name)) makeOpaque(source.get(), path);
    sys::removeTree(to.fd.get(), name);
    sys::check(::renameat(from, name.c_str(), to.fd.get(), name.c_str()), "renameat", path);
  }

  static bool isWhiteoutAt(int directory, const std::string& name) {
    struct stat status {};
    return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && isWhiteout(status);
  }

  /// Of two directories that become one the archive described one or both: that is what it is.
  void mergeMetadata(int from, const std::string& path, const Place& to) {
    const bool isNamed = !implied_.contains(path), wasNamed = !implied_.contains(to.path);
    if (wasNamed) implied_.erase(path);
    if (wasNamed || !isNamed) return;
    implied_.erase(to.path);
    struct stat status {};
    sys::check(::fstat(from, &status), "fstat", path);
    describe(to.fd.get(), status, readXattrs(from, path), to.path);
  }

  /// What a hard link leads to.
  struct Source {
    std::string path;
    Lookup found;
    /// Whether the layer leaves it visible. What it hides it may have renamed.
    bool visible = false;
  };

  void makeLink(const LowerLink& link) {
    const std::optional<std::string> directory = merged_.resolve("", parentOf(link.path));
    if (!directory) return;  // a later entry has taken its directory's place
    const std::string path = joined(*directory, baseOf(link.path));
    const sys::UniqueFd parent = openParent(path);
    if (!isFree(parent.get(), path)) return;  // a later entry has taken its place
    const std::optional<Source> source = sourceOf(link.target);
    if (!source) refuseLostLink(link.path, link.target);
    if (source->visible && source->path.starts_with(path + "/")) refuseLinkToBelow(link.path, link.target);
    const std::string from = bring(*source, path);
    if (from != path) linkTo(from, path);
  }

  std::optional<Source> sourceOf(const std::string& target) {
    for (const LayerStack* stack : {&merged_, &lowers_}) {
      const std::optional<std::string> directory = stack->resolve("", parentOf(target));
      if (!directory) continue;
      std::string path = joined(*directory, baseOf(target));
      Lookup found = stack->find(path);
      if (found.kind == Found::symlink || found.kind == Found::other)
        return Source{std::move(path), std::move(found), stack == &merged_};
    }
    return std::nullopt;
  }

  /// Sees to it that the layer has what a link at `link` leads to; answers where. What the layer hides gets
  /// no other name than the link's.
  std::string bring(const Source& source, const std::string& link) {
    if (source.visible && openBeneath(root_, source.path, O_PATH | O_NOFOLLOW | O_CLOEXEC))
      return source.path;
    const std::string& wanted = source.visible ? source.path : link;
    const std::pair inode(source.found.status.st_dev, source.found.status.st_ino);
    const auto [copy, isFirst] = copies_.try_emplace(inode, wanted);
    if (!isFirst && !source.visible) return copy->second;
    if (!isFirst) {
      linkTo(copy->second, wanted);
      return wanted;
    }
    const sys::UniqueFd parent = openParent(wanted);
    const KeepTimes keep(parent.get());
    copied_ += copyUp(source.found, parent.get(), std::string(baseOf(wanted)), wanted);
    return wanted;
  }

  void linkTo(const std::string& from, const std::string& path) {
    const sys::UniqueFd source = openParent(from);
    const sys::UniqueFd parent = openParent(path);
    const KeepTimes keep(parent.get());
    const std::string name(baseOf(path));
    sys::check(::linkat(source.get(), std::string(baseOf(from)).c_str(), parent.get(), name.c_str(), 0),
               "linkat", path);
  }

  /// The directory that `path` is in, made where absent.
  sys::UniqueFd openParent(const std::string& path) {
    const std::string directory(parentOf(path));
    if (!makeDirectories(directory))
      corrupt("tar: " + quoted(directory) + " is used as a directory and is none");
    sys::UniqueFd parent = open(directory);
    sys::check(parent.get(), "openat2", directory);
    return parent;
  }

  /// Whether the layer has nothing at `path`. A whiteout, which speaks of the layers below alone, makes way.
  static bool isFree(int parent, const std::string& path) {
    const std::string name(baseOf(path));
    struct stat status {};
    if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return true;
    if (!isWhiteout(status)) return false;
    const KeepTimes keep(parent);
    sys::check(::unlinkat(parent, name.c_str(), 0), "unlinkat", path);
    return true;
  }

  void adopt(const std::string& path) {
    if (isHiddenHere(path)) return;
    const Lookup below = lowers_.find(path);
    if (below.kind != Found::directory) return;
    const sys::UniqueFd directory = open(path);
    if (!directory && isReplaced(errno)) return;
    sys::check(directory.get(), "openat2", path);
    describe(directory.get(), below.status, readXattrs(below.fd.get(), path), path);
  }

  static void describe(int directory, const struct stat& status, const Xattrs& xattrs,
                       const std::string& path) {
    sys::check(::fchown(directory, status.st_uid, status.st_gid), "fchown", path);
    sys::check(::fchmod(directory, status.st_mode & 07777), "fchmod", path);
    setXattrs(directory, xattrs, path);
    const timespec times[2] = {status.st_mtim, status.st_mtim};
    sys::check(::futimens(directory, times), "futimens", path);
  }

  /// Every name below is hidden by itself.
  void hideLowerRoots() {
    const KeepTimes keep(root_);
    for (size_t layer = 0; layer < lowers_.size(); ++layer) {
      const int fd = ::openat(lowers_.root(layer), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      sys::Directory names(sys::UniqueFd(sys::check(fd, "openat", ".")), ".");
      while (const std::optional<sys::DirectoryEntry> entry = names.next()) hideName(entry->name);
    }
  }

  void hideName(const char* name) {
    if (::mknodat(root_, name, S_IFCHR, ::makedev(0, 0)) == 0) return;
    if (errno != EEXIST) sys::throwErrno("mknodat", name);
    const sys::UniqueFd directory(::openat(root_, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (directory) makeOpaque(directory.get(), name);
  }

  LayerStack lowers_;
  LayerStack merged_;
  int root_;
  /// Directories that were implied; none where one was moved away.
  std::vector<std::optional<std::string>> paths_;
  /// Of those the ones that no entry named.
  std::unordered_set<std::string> implied_;
  /// Where files of the layers below were copied to.
  std::map<std::pair<dev_t, ino_t>, std::string> copies_;
  uint64_t copied_ = 0;
};

}  // namespace

uint64_t completeLayer(const std::string& target, const std::vector<sys::LayerRef>& lowers,
                       const ApplyResult& applied) {
  return Completion(target, lowers).run(applied);
}

}  // namespace strake::layer
