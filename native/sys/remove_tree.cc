#include "sys/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <vector>

#include "sys/directory.h"
#include "sys/error.h"

namespace strake::sys {

namespace {

constexpr int maxAttempts = 8;
/// Below this depth directories are moved up first (see flatten), so that descriptors stay few.
constexpr size_t maxDepth = 128;
/// A file from this size on is worth a descriptor, and there are at most so many.
constexpr off_t largeFile = 4 << 20;
constexpr size_t maxUnlinked = 64;

struct Level {
  Directory directory;
  std::string name;
  int attempts = 0;
};

/// Takes hold of a large file before its name goes. What cannot be opened is freed with its name.
void hold(int parent, const char* name, std::vector<UniqueFd>* unlinked) {
  if (unlinked == nullptr || unlinked->size() == maxUnlinked) return;
  struct stat status {};
  if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return;
  if (!S_ISREG(status.st_mode) || status.st_size < largeFile) return;
  UniqueFd file(::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (file) unlinked->push_back(std::move(file));
}

class Removal {
 public:
  Removal(std::string root, dev_t device, std::vector<UniqueFd>* unlinked)
      : root_(std::move(root)), device_(device), unlinked_(unlinked) {}

  void run(int parent, const std::string& name) {
    descend(parent, name);
    while (!levels_.empty()) step(parent);
  }

 private:
  void descend(int parent, const std::string& name) {
    UniqueFd fd(check(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                      "openat", pathOf(name)));
    struct stat status {};
    check(::fstat(fd.get(), &status), "fstat", pathOf(name));
    if (status.st_dev != device_) throw SysError(EBUSY, "rmdir", pathOf(name));
    levels_.push_back({Directory(std::move(fd), pathOf(name)), name, 0});
  }

  void step(int rootParent) {
    Level& level = levels_.back();
    const std::optional<DirectoryEntry> entry = level.directory.next();
    if (!entry) return leave(rootParent);
    const int fd = level.directory.fd();
    if (entry->type != DT_DIR) hold(fd, entry->name, unlinked_);
    if (entry->type != DT_DIR && ::unlinkat(fd, entry->name, 0) == 0) return;
    if (entry->type != DT_DIR && errno == ENOENT) return;
    if (entry->type != DT_DIR && errno != EISDIR) throwErrno("unlinkat", pathOf(entry->name));
    if (::unlinkat(fd, entry->name, AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    if (errno != ENOTEMPTY && errno != EEXIST) throwErrno("rmdir", pathOf(entry->name));
    enter(fd, entry->name);
  }

  void enter(int fd, const std::string& name) {
    if (levels_.size() < maxDepth) return descend(fd, name);
    flatten(fd, name);
  }

  /// A directory that is too deep moves to the top, where the top level's next pass finds it.
  void flatten(int fd, const std::string& name) {
    const std::string moved = ".strake-deep-" + std::to_string(flattened_++);
    check(::renameat(fd, name.c_str(), levels_.front().directory.fd(), moved.c_str()), "renameat",
          pathOf(name));
    levels_.front().attempts = 0;
  }

  void leave(int rootParent) {
    Level& level = levels_.back();
    const int parent = levels_.size() > 1 ? levels_[levels_.size() - 2].directory.fd() : rootParent;
    if (::unlinkat(parent, level.name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) {
      const bool filled = errno == ENOTEMPTY || errno == EEXIST;
      if (!filled || ++level.attempts > maxAttempts) throwErrno("rmdir", pathOf(""));
      return level.directory.rewind();
    }
    levels_.pop_back();
  }

  std::string pathOf(const std::string& name) const {
    std::string path = root_;
    for (size_t i = 1; i < levels_.size(); ++i) path.append("/").append(levels_[i].name);
    if (!name.empty() && !levels_.empty()) path.append("/").append(name);
    return path;
  }

  std::string root_;
  dev_t device_;
  std::vector<UniqueFd>* unlinked_;
  std::vector<Level> levels_;
  unsigned flattened_ = 0;
};

}  // namespace

void removeTree(const std::string& path, std::vector<UniqueFd>* unlinked) {
  removeTree(AT_FDCWD, path, unlinked);
}

void removeTree(int parent, const std::string& name, std::vector<UniqueFd>* unlinked) {
  hold(parent, name.c_str(), unlinked);
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) throwErrno("unlinkat", name);
  struct stat status {};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return;
    throwErrno("fstatat", name);
  }
  Removal(name, status.st_dev, unlinked).run(parent, name);
}

}  // namespace strake::sys
