#include "layer/upper_walk.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/layer_stack.h"
#include "layer/layer_tree.h"
#include "layer/xattrs.h"
#include "sys/directory.h"
#include "sys/error.h"

namespace strake::layer {

namespace {

constexpr int directoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

/// So many levels hold descriptors at most; those further up are opened again by their path.
constexpr size_t maxOpenLevels = 64;

/// One of overlayfs' own xattrs of what is open (O_PATH).
std::optional<std::string> overlayXattr(int fd, const char* name) {
  char value[maxPath + 1];
  const std::string file = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::getxattr(file.c_str(), name, value, sizeof value);
  if (size < 0) return std::nullopt;
  return std::string(value, static_cast<size_t>(size));
}

std::vector<std::string> namesIn(int directory, const std::string& path) {
  const int fd = sys::check(::openat(directory, ".", directoryFlags), "openat", path);
  std::vector<std::string> names = sys::Directory(sys::UniqueFd(fd), path).names();
  std::sort(names.begin(), names.end());
  return names;
}

/// A directory on the way. Where its contents come from: the upper directory, the layers below, or both.
struct Level {
  std::string path;
  sys::UniqueFd upper;
  bool inUpper = true;
  /// Where the layers below have it.
  std::optional<std::string> belowPath;
  /// What is only below is told as well: the directory came here by a rename.
  bool whole = false;

  struct Name {
    std::string name;
    bool inUpper;
  };
  std::vector<Name> names;
  size_t next = 0;
};

class Walker {
 public:
  Walker(const UpperWalk& walk, UpperVisitor& visitor) : walk_(walk), visitor_(visitor) {}

  void run() {
    Level root;
    root.upper.reset(sys::check(::openat(walk_.upper, ".", directoryFlags), "openat", "."));
    if (walk_.below >= 0) root.belowPath = "";
    UpperEntry entry{.path = "", .fd = root.upper.get()};
    sys::check(::fstat(root.upper.get(), &entry.status), "fstat", ".");
    visitor_.present(entry);
    enter(std::move(root));
    while (!levels_.empty()) step();
  }

 private:
  void enter(Level level) {
    if (level.inUpper) {
      for (std::string& name : namesIn(level.upper.get(), level.path))
        level.names.push_back({std::move(name), true});
    }
    if (level.whole && level.belowPath) addBelow(level);
    levels_.push_back(std::move(level));
    if (levels_.size() > maxOpenLevels) levels_[levels_.size() - maxOpenLevels - 1].upper.reset();
    tellRemoved(levels_.back());
  }

  /// The names that only the layers below have.
  void addBelow(Level& level) {
    const sys::UniqueFd below = openBelow(*level.belowPath, O_RDONLY | O_DIRECTORY);
    if (!below) return;
    std::vector<Level::Name> all;
    const auto byName = [](const Level::Name& left, const Level::Name& right) {
      return left.name < right.name;
    };
    for (std::string& name : namesIn(below.get(), level.path)) {
      const bool known =
          std::binary_search(level.names.begin(), level.names.end(), Level::Name{name, true}, byName);
      if (!known) all.push_back({std::move(name), false});
    }
    std::move(level.names.begin(), level.names.end(), std::back_inserter(all));
    std::sort(all.begin(), all.end(), byName);
    level.names = std::move(all);
  }

  /// Whiteouts first. In a directory that hides what is below, or that came by a rename, they say nothing.
  void tellRemoved(Level& level) {
    std::erase_if(level.names, [&](const Level::Name& name) {
      if (!name.inUpper) return false;
      struct stat status {};
      if (::fstatat(level.upper.get(), name.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) return true;
        sys::throwErrno("fstatat", joined(level.path, name.name));
      }
      if (S_ISSOCK(status.st_mode)) return true;
      if (!isWhiteout(status)) return false;
      if (!level.whole && level.belowPath) visitor_.removed(joined(level.path, name.name));
      return true;
    });
  }

  void step() {
    Level& level = levels_.back();
    if (level.next == level.names.size()) return leave();
    const Level::Name& name = level.names[level.next++];
    const std::string path = joined(level.path, name.name);
    if (path.size() > maxPath) corrupt("the path " + quoted(path) + " is longer than Linux allows");
    if (name.inUpper)
      tellUpper(level, name.name, path);
    else
      tellBelow(level, name.name, path);
  }

  void leave() {
    levels_.pop_back();
    if (levels_.empty()) return;
    Level& level = levels_.back();
    if (!level.inUpper || level.upper) return;
    level.upper = openBeneath(walk_.upper, level.path, directoryFlags);
    sys::check(level.upper.get(), "openat2", level.path);
  }

  void tellUpper(const Level& level, const std::string& name, const std::string& path) {
    const sys::UniqueFd fd(::openat(level.upper.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) return;
    UpperEntry entry{.path = path, .fd = sys::check(fd.get(), "openat", path)};
    sys::check(::fstat(fd.get(), &entry.status), "fstat", path);
    if (isOwnMountPoint(entry)) return;
    const std::optional<std::string> below = belowOf(level, name);
    if (S_ISREG(entry.status.st_mode)) findData(entry, below);
    if (!S_ISDIR(entry.status.st_mode)) return visitor_.present(entry);
    visitor_.present(entry);
    descend(level, entry, below);
  }

  void descend(const Level& parent, const UpperEntry& entry, const std::optional<std::string>& below) {
    Level level;
    level.path = entry.path;
    level.upper.reset(sys::check(::openat(entry.fd, ".", directoryFlags), "openat", entry.path));
    const std::optional<std::string> redirect = overlayXattr(entry.fd, "trusted.overlay.redirect");
    if (redirect) {
      level.belowPath = redirected(parent, *redirect, entry.path);
      level.whole = true;
    } else if (!isMarkedOpaque(entry.fd)) {
      level.belowPath = below;
      level.whole = parent.whole;
    }
    const bool replaces =
        (redirect || !level.belowPath) && !parent.whole && parent.belowPath && isDirectory(below);
    enter(std::move(level));
    if (replaces) tellReplaced(levels_.back());
  }

  void tellReplaced(const Level& level) {
    std::vector<std::string_view> kept;
    for (const Level::Name& name : level.names) kept.push_back(name.name);
    visitor_.replaced(level.path, kept);
  }

  void tellBelow(const Level& level, const std::string& name, const std::string& path) {
    const std::string belowPath = joined(*level.belowPath, name);
    const sys::UniqueFd fd = openBelow(belowPath, O_PATH);
    sys::check(fd.get(), "openat2", belowPath);
    UpperEntry entry{.path = path, .fd = fd.get()};
    sys::check(::fstat(fd.get(), &entry.status), "fstat", belowPath);
    if (S_ISSOCK(entry.status.st_mode)) return;
    visitor_.present(entry);
    if (!S_ISDIR(entry.status.st_mode)) return;
    Level inner;
    inner.path = path;
    inner.inUpper = false;
    inner.belowPath = belowPath;
    inner.whole = true;
    enter(std::move(inner));
  }

  /// Where the layers below have the same name.
  static std::optional<std::string> belowOf(const Level& level, const std::string& name) {
    if (!level.belowPath) return std::nullopt;
    return joined(*level.belowPath, name);
  }

  /// A redirect is a path from the root, or another name in the same directory below.
  std::string redirected(const Level& parent, const std::string& redirect, const std::string& path) const {
    if (redirect.starts_with('/')) return normalise(redirect);
    if (!parent.belowPath) corrupt("overlay: " + quoted(path) + " was renamed in a directory that is new");
    return joined(*parent.belowPath, redirect);
  }

  /// A file of which only the metadata were copied up has its contents below.
  void findData(UpperEntry& entry, const std::optional<std::string>& below) const {
    if (!overlayXattr(entry.fd, "trusted.overlay.metacopy")) return;
    const std::optional<std::string> redirect = overlayXattr(entry.fd, "trusted.overlay.redirect");
    const bool fromRoot = redirect && redirect->starts_with('/');
    if (!fromRoot && !below) corrupt("overlay: the contents of " + quoted(entry.path) + " are nowhere");
    entry.dataRoot = walk_.below;
    entry.dataPath = fromRoot   ? normalise(*redirect)
                     : redirect ? joined(parentOf(*below), *redirect)
                                : *below;
  }

  bool isDirectory(const std::optional<std::string>& below) const {
    struct stat status {};
    return below && statBelow(walk_.below, *below, status) && S_ISDIR(status.st_mode);
  }

  sys::UniqueFd openBelow(const std::string& path, int flags) const {
    return openBeneath(walk_.below, path, static_cast<unsigned>(flags) | O_NOFOLLOW | O_CLOEXEC);
  }

  /// Made by the engine to mount something there: empty, and not below. A directory that was only touched for
  /// that looks as it does below.
  bool isOwnMountPoint(const UpperEntry& entry) const {
    if (!isOnTheWay(entry.path)) return false;
    struct stat below {};
    const bool isBelow = statBelow(walk_.below, entry.path, below);
    if (S_ISREG(entry.status.st_mode))
      return !isBelow && entry.status.st_size == 0 && isMountPoint(entry.path);
    if (!S_ISDIR(entry.status.st_mode) || isMarkedOpaque(entry.fd)) return false;
    if (isBelow && !looksAlike(entry, below)) return false;
    return holdsOnlyMountPoints(entry, isBelow);
  }

  bool holdsOnlyMountPoints(const UpperEntry& entry, bool isBelow) const {
    const std::vector<std::string> names = namesIn(entry.fd, entry.path);
    if (names.empty()) return !isBelow && isMountPoint(entry.path);
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      const sys::UniqueFd fd(::openat(entry.fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      UpperEntry inner{.path = joined(entry.path, name), .fd = fd.get()};
      return fd && ::fstat(fd.get(), &inner.status) == 0 && isOwnMountPoint(inner);
    });
  }

  bool looksAlike(const UpperEntry& entry, const struct stat& below) const {
    const struct stat& status = entry.status;
    if (status.st_mode != below.st_mode || status.st_uid != below.st_uid || status.st_gid != below.st_gid)
      return false;
    const sys::UniqueFd fd = openBelow(entry.path, O_PATH);
    return fd && readXattrs(fd.get(), entry.path) == readXattrs(entry.fd, entry.path);
  }

  bool isMarkedOpaque(int directory) const {
    return overlayXattr(directory, walk_.userXattrs ? "user.overlay.opaque" : "trusted.overlay.opaque") ==
           "y";
  }

  bool isMountPoint(const std::string& path) const {
    return std::find(walk_.mountPoints.begin(), walk_.mountPoints.end(), path) != walk_.mountPoints.end();
  }

  bool isOnTheWay(const std::string& path) const {
    return std::any_of(walk_.mountPoints.begin(), walk_.mountPoints.end(), [&](const std::string& point) {
      return point == path || point.starts_with(path + "/");
    });
  }

  const UpperWalk& walk_;
  UpperVisitor& visitor_;
  std::vector<Level> levels_;
};

}  // namespace

void walkUpper(const UpperWalk& walk, UpperVisitor& visitor) {
  Walker(walk, visitor).run();
}

bool statBelow(int below, const std::string& path, struct stat& status) {
  if (below < 0) return false;
  const sys::UniqueFd fd = openBeneath(below, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return false;
    sys::throwErrno("openat2", path);
  }
  sys::check(::fstat(fd.get(), &status), "fstat", path);
  return true;
}

}  // namespace strake::layer
