#include "sys/disk_usage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <unordered_set>
#include <vector>

#include "sys/directory.h"

namespace strake::sys {

namespace {

/// So many descriptors are held at most; a directory further up is opened again through its child's "..".
constexpr size_t maxOpenLevels = 64;

struct Level {
  UniqueFd fd;
  ino_t inode;
  std::vector<std::string> subdirectories;
};

class Count {
 public:
  explicit Count(dev_t device) : device_(device) {}

  DiskUsage usage() const { return usage_; }

  void tree(UniqueFd root, ino_t inode) {
    enter(std::move(root), inode);
    while (!levels_.empty()) step();
  }

  void add(const struct stat& status) {
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode) && !seen_.insert(status.st_ino).second) return;
    usage_.bytes += static_cast<uint64_t>(status.st_blocks) * 512;
    ++usage_.inodes;
  }

 private:
  void step() {
    Level& level = levels_.back();
    if (level.subdirectories.empty()) return leave();
    const std::string name = std::move(level.subdirectories.back());
    level.subdirectories.pop_back();
    UniqueFd fd(::openat(level.fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) return;
    check(fd.get(), "openat", name);
    struct stat status {};
    check(::fstat(fd.get(), &status), "fstat", name);
    enter(std::move(fd), status.st_ino);
  }

  void enter(UniqueFd fd, ino_t inode) {
    Level level{UniqueFd(check(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3), "fcntl")), inode, {}};
    Directory directory(std::move(fd), "directory");
    while (const std::optional<DirectoryEntry> entry = directory.next()) {
      if (count(directory.fd(), entry->name)) level.subdirectories.emplace_back(entry->name);
    }
    levels_.push_back(std::move(level));
    if (levels_.size() > maxOpenLevels) levels_[levels_.size() - maxOpenLevels - 1].fd.reset();
  }

  void leave() {
    const UniqueFd child = std::move(levels_.back().fd);
    levels_.pop_back();
    if (levels_.empty() || levels_.back().fd) return;
    Level& level = levels_.back();
    level.fd.reset(check(::openat(child.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "openat", ".."));
    struct stat status {};
    check(::fstat(level.fd.get(), &status), "fstat", "..");
    if (status.st_ino != level.inode) throw SysError(ESTALE, "openat", "..");
  }

  /// Counts one entry; true when it is a directory to go into.
  bool count(int parent, const char* name) {
    struct stat status {};
    if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) return false;
      throwErrno("fstatat", name);
    }
    if (status.st_dev != device_) return false;
    add(status);
    return S_ISDIR(status.st_mode);
  }

  dev_t device_;
  DiskUsage usage_;
  std::unordered_set<ino_t> seen_;
  std::vector<Level> levels_;
};

}  // namespace

DiskUsage diskUsage(const std::string& path) {
  struct stat status {};
  check(::lstat(path.c_str(), &status), "lstat", path);
  Count count(status.st_dev);
  count.add(status);
  if (!S_ISDIR(status.st_mode)) return count.usage();
  UniqueFd fd(check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", path));
  count.tree(std::move(fd), status.st_ino);
  return count.usage();
}

}  // namespace strake::sys
