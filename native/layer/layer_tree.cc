#include "layer/layer_tree.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <deque>

#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/layer_stack.h"
#include "sys/error.h"

namespace strake::layer {

namespace {

constexpr size_t maxRecent = 64;
constexpr int maxLinks = 40;

constexpr uint64_t directoryFlags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

}  // namespace

sys::UniqueFd openBeneath(int root, const std::string& path, uint64_t flags) {
  open_how how = {};
  how.flags = flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const char* name = path.empty() ? "." : path.c_str();
  for (;;) {
    const long fd = ::syscall(SYS_openat2, root, name, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return sys::UniqueFd(static_cast<int>(fd));
  }
}

void makeOpaque(int directory, std::string_view path) {
  const std::string name = "/proc/self/fd/" + std::to_string(directory);
  if (::setxattr(name.c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0) return;
  if (errno != EPERM) sys::throwErrno("setxattr trusted.overlay.opaque", path);
  // In a user namespace: what a mount with userxattr reads.
  sys::check(::setxattr(name.c_str(), "user.overlay.opaque", "y", 1, 0), "setxattr user.overlay.opaque",
             path);
}

LayerTree::LayerTree(const std::string& target, IsLink isWaitingLink)
    : isWaitingLink_(std::move(isWaitingLink)) {
  auto root = std::make_shared<OpenDirectory>();
  root->fd.reset(sys::check(::open(target.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", target));
  root_ = std::move(root);
  directories_[""] = {};
}

std::shared_ptr<const OpenDirectory> LayerTree::directory(std::string_view path) {
  return find(path, true);
}

std::shared_ptr<const OpenDirectory> LayerTree::existingDirectory(std::string_view path) {
  return find(path, false);
}

LayerTree::Shared LayerTree::find(std::string_view path, bool create) {
  if (path.empty()) return root_;
  if (const auto found = byPath_.find(path); found != byPath_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->second;
  }
  Shared directory = open(path);
  if (!directory) directory = walk(path, create);
  if (directory) remember(path, directory);
  return directory;
}

void LayerTree::remember(std::string_view path, const Shared& directory) {
  recent_.emplace_front(std::string(path), directory);
  byPath_.emplace(recent_.front().first, recent_.begin());
  if (recent_.size() <= maxRecent) return;
  byPath_.erase(recent_.back().first);
  recent_.pop_back();
}

/// The plain case: all of the path exists and none of it is a link.
LayerTree::Shared LayerTree::open(std::string_view path) {
  auto directory = std::make_shared<OpenDirectory>();
  directory->path = std::string(path);
  directory->fd = openBeneath(root(), directory->path, directoryFlags);
  if (directory->fd) return directory;
  if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR) sys::throwErrno("openat2", path);
  return nullptr;
}

/// A lookup in progress: where it stands, and the names that are still to be taken.
struct LayerTree::Walk {
  std::string_view path;
  bool create;
  Shared at;
  std::deque<std::string> names;
  int links = 0;
};

LayerTree::Shared LayerTree::walk(std::string_view path, bool create) {
  Walk walk{path, create, root_, namesOf(path)};
  while (walk.at && !walk.names.empty()) {
    const std::string name = std::move(walk.names.front());
    walk.names.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      const Shared parent = open(parentOf(walk.at->path));
      walk.at = parent ? parent : root_;
      continue;
    }
    enter(walk, name);
  }
  return walk.at;
}

void LayerTree::enter(Walk& walk, const std::string& name) {
  auto next = std::make_shared<OpenDirectory>();
  next->path = joined(walk.at->path, name);
  next->fd.reset(::openat(walk.at->fd.get(), name.c_str(), directoryFlags));
  if (next->fd) {
    walk.at = std::move(next);
  } else if (errno == ENOENT) {
    enterAbsent(walk, name);
  } else if (errno == ENOTDIR || errno == ELOOP) {
    enterOther(walk, name);
  } else {
    sys::throwErrno("openat", next->path);
  }
}

void LayerTree::enterAbsent(Walk& walk, const std::string& name) {
  if (!walk.create) {
    walk.at = nullptr;
    return;
  }
  const std::string path = joined(walk.at->path, name);
  if (path.size() > maxPath) corrupt("tar: the directory " + quoted(path) + " lies too deep");
  if (isWaitingLink_(path)) refuseLinkAsDirectory(path);
  sys::check(::mkdirat(walk.at->fd.get(), name.c_str(), 0755), "mkdirat", path);
  directories_[path] = {};
  impliedTotal_.add(path.size());
  enter(walk, name);
}

/// Something that is no directory: a symlink is followed, a whiteout (which speaks of the layers below alone)
/// makes way for an opaque directory.
void LayerTree::enterOther(Walk& walk, const std::string& name) {
  const int parent = walk.at->fd.get();
  const std::string path = joined(walk.at->path, name);
  struct stat status {};
  sys::check(::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "fstatat", path);
  if (S_ISLNK(status.st_mode)) {
    char target[maxPath + 1];
    const ssize_t size =
        sys::check(::readlinkat(parent, name.c_str(), target, sizeof target), "readlinkat", path);
    if (++walk.links > maxLinks) unsafe("tar: the links on the way to " + quoted(walk.path) + " have no end");
    const std::string_view text(target, static_cast<size_t>(size));
    if (text.starts_with('/')) walk.at = root_;
    const auto names = namesOf(text);
    walk.names.insert(walk.names.begin(), names.begin(), names.end());
    return;
  }
  if (!isWhiteout(status) || !walk.create)
    corrupt("tar: " + quoted(path) + " is used as a directory and is none");
  sys::check(::unlinkat(parent, name.c_str(), 0), "unlinkat", path);
  enterAbsent(walk, name);
  makeOpaque(walk.at->fd.get(), walk.at->path);
}

void LayerTree::describe(const std::string& path, const DirectoryState& state) {
  directories_[path] = state;
}

void LayerTree::forget(const std::string& path) {
  recent_.clear();
  byPath_.clear();
  directories_.erase(path);
  const std::string below = path + "/";
  auto at = directories_.lower_bound(below);
  while (at != directories_.end() && at->first.starts_with(below)) at = directories_.erase(at);
}

std::vector<std::string> LayerTree::implied() const {
  std::vector<std::string> paths;
  for (const auto& [path, state] : directories_) {
    if (!state.explicitly) paths.push_back(path.empty() ? "." : path);
  }
  return paths;
}

}  // namespace strake::layer
