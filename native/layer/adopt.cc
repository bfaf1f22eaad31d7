#include "layer/adopt.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <deque>
#include <optional>

#include "layer/entry_path.h"
#include "layer/layer_stack.h"
#include "layer/layer_tree.h"
#include "layer/xattrs.h"
#include "sys/directory.h"
#include "sys/error.h"
#include "sys/remove_tree.h"

namespace strake::layer {

namespace {

constexpr int maxLinks = 40;

/// Restores a directory's mtime: names that move in or out of it are no change that the image made.
class KeepTimes {
 public:
  explicit KeepTimes(int directory) : directory_(directory) {
    known_ = ::fstatat(directory, ".", &status_, 0) == 0;
  }
  KeepTimes(const KeepTimes&) = delete;
  KeepTimes& operator=(const KeepTimes&) = delete;
  ~KeepTimes() {
    const timespec times[2] = {status_.st_mtim, status_.st_mtim};
    if (known_) ::utimensat(directory_, ".", times, 0);
  }

 private:
  int directory_;
  bool known_ = false;
  struct stat status_ = {};
};

std::vector<std::string> withTarget(const std::string& target, const std::vector<std::string>& lowers) {
  std::vector<std::string> layers = {target};
  layers.insert(layers.end(), lowers.begin(), lowers.end());
  return layers;
}

class Adoption {
 public:
  Adoption(const std::string& target, const std::vector<std::string>& lowers)
      : lowers_(lowers), merged_(withTarget(target, lowers)), root_(merged_.roots().front().get()) {}

  void run(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) paths_.push_back(normalise(path));
    for (size_t i = 0; i < paths_.size(); ++i) redirect(i);
    for (const std::optional<std::string>& path : paths_) {
      if (path) adopt(*path);
    }
    if (isOpaque(root_)) hideLowerRoots();
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

  /// Moves what the layer has at the i-th path to where the layers below say that it leads.
  void redirect(size_t i) {
    const std::string path = *paths_[i];
    if (path.empty() || isHiddenHere(path)) return;
    const Lookup below = lowers_.find(path);
    if (below.kind != Found::symlink) return;
    const std::optional<std::string> place = resolve(path, linkText(below.fd.get(), path));
    if (!place || *place == path || place->starts_with(path + "/") || !makeDirectories(*place)) return;
    move(path, *place);
    paths_[i].reset();
    for (std::optional<std::string>& other : paths_) {
      if (other && other->starts_with(path + "/")) other = joined(*place, other->substr(path.size() + 1));
    }
  }

  static std::string linkText(int link, const std::string& path) {
    char text[maxPath + 1];
    return {text,
            static_cast<size_t>(sys::check(::readlinkat(link, "", text, sizeof text), "readlinkat", path))};
  }

  /// Where a link leads in the merged tree, never out of it. Nothing: to something that is no directory, or
  /// in a circle.
  std::optional<std::string> resolve(const std::string& path, const std::string& link) {
    std::string at(link.starts_with('/') ? "" : parentOf(path));
    std::deque<std::string> names = namesOf(link);
    for (int links = 0; !names.empty();) {
      const std::string name = std::move(names.front());
      names.pop_front();
      if (name == ".") continue;
      const std::string next(name == ".." ? std::string(parentOf(at)) : joined(at, name));
      const Lookup found = merged_.find(next);
      if (found.kind == Found::other) return std::nullopt;
      if (found.kind != Found::symlink) {
        at = next;
        continue;
      }
      if (++links > maxLinks) return std::nullopt;
      const std::string inner = linkText(found.fd.get(), next);
      if (inner.starts_with('/')) at.clear();
      const auto before = namesOf(inner);
      names.insert(names.begin(), before.begin(), before.end());
    }
    return at;
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
    paths_.push_back(path);
    return true;
  }

  void move(const std::string& from, const std::string& to) {
    mergeInto(open(from), open(to), from);
    const sys::UniqueFd parent = open(std::string(parentOf(from)));
    const KeepTimes keep(parent.get());
    sys::check(::unlinkat(parent.get(), std::string(baseOf(from)).c_str(), AT_REMOVEDIR), "unlinkat", from);
  }

  /// Renames all of `from` into `to`; directories of the same name are merged, of other things the moved one
  /// wins.
  void mergeInto(sys::UniqueFd from, const sys::UniqueFd& to, const std::string& path) {
    sys::check(from.get(), "openat2", path);
    sys::check(to.get(), "openat2", path);
    const KeepTimes keep(to.get());
    sys::Directory directory(std::move(from), path);
    for (const std::string& name : directory.names()) {
      if (::renameat2(directory.fd(), name.c_str(), to.get(), name.c_str(), RENAME_NOREPLACE) == 0) continue;
      if (errno != EEXIST) sys::throwErrno("renameat2", joined(path, name));
      resolveConflict(directory.fd(), to.get(), name, joined(path, name));
    }
  }

  void resolveConflict(int from, int to, const std::string& name, const std::string& path) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    sys::UniqueFd source(::openat(from, name.c_str(), flags));
    const sys::UniqueFd existing(::openat(to, name.c_str(), flags));
    if (source && existing) {
      mergeInto(std::move(source), existing, path);
      sys::check(::unlinkat(from, name.c_str(), AT_REMOVEDIR), "unlinkat", path);
      return;
    }
    sys::removeTree(to, name);
    sys::check(::renameat(from, name.c_str(), to, name.c_str()), "renameat", path);
  }

  void adopt(const std::string& path) {
    if (isHiddenHere(path)) return;
    const Lookup below = lowers_.find(path);
    if (below.kind != Found::directory) return;
    const sys::UniqueFd directory = open(path);
    sys::check(directory.get(), "openat2", path);
    const int fd = directory.get();
    sys::check(::fchown(fd, below.status.st_uid, below.status.st_gid), "fchown", path);
    sys::check(::fchmod(fd, below.status.st_mode & 07777), "fchmod", path);
    setXattrs(fd, readXattrs(below.fd.get(), path), path);
    const timespec times[2] = {below.status.st_mtim, below.status.st_mtim};
    sys::check(::futimens(fd, times), "futimens", path);
  }

  /// Overlayfs does not ask whether a root is opaque: every name below is hidden by itself instead.
  void hideLowerRoots() {
    const KeepTimes keep(root_);
    for (const sys::UniqueFd& lower : lowers_.roots()) {
      const int fd = ::openat(lower.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
  /// Those that are still there.
  std::vector<std::optional<std::string>> paths_;
};

}  // namespace

void adoptDirectories(const std::string& target, const std::vector<std::string>& lowers,
                      const std::vector<std::string>& paths) {
  Adoption(target, lowers).run(paths);
}

}  // namespace strake::layer
