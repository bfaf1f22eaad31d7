#include "layer/tree_writer.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <vector>

#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/layer_stack.h"
#include "layer/layer_tree.h"
#include "layer/xattrs.h"
#include "sys/directory.h"
#include "sys/error.h"

namespace strake::layer {

namespace {

constexpr size_t readSize = 512 << 10;

struct stat statusOf(int fd, const std::string& path) {
  struct stat status {};
  sys::check(::fstatat(fd, "", &status, AT_EMPTY_PATH), "fstatat", path);
  return status;
}

std::optional<EntryType> typeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return EntryType::regular;
    case S_IFDIR:
      return EntryType::directory;
    case S_IFLNK:
      return EntryType::symlink;
    case S_IFCHR:
      return EntryType::charDevice;
    case S_IFBLK:
      return EntryType::blockDevice;
    case S_IFIFO:
      return EntryType::fifo;
    default:
      return std::nullopt;
  }
}

std::optional<TarEntry> entryOf(int fd, const struct stat& status, const std::string& path) {
  const std::optional<EntryType> type = typeOf(status.st_mode);
  if (!type) return std::nullopt;
  TarEntry entry;
  entry.type = *type;
  entry.path = path;
  entry.mode = status.st_mode & 07777;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.mtime = status.st_mtim;
  if (*type == EntryType::regular) entry.size = static_cast<uint64_t>(status.st_size);
  if (*type == EntryType::symlink) entry.target = linkText(fd, path);
  if (*type == EntryType::charDevice || *type == EntryType::blockDevice) {
    entry.deviceMajor = major(status.st_rdev);
    entry.deviceMinor = minor(status.st_rdev);
  }
  entry.xattrs = readXattrs(fd, path);
  std::sort(entry.xattrs.begin(), entry.xattrs.end());
  return entry;
}

/// Which mount a directory is on (statx, Linux 5.8): a bind mount of the same file system is another one.
uint64_t mountOf(int fd, const std::string& path) {
  struct statx status {};
  sys::check(::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status), "statx", path);
  if ((status.stx_mask & STATX_MNT_ID) != 0) return status.stx_mnt_id;
  return makedev(status.stx_dev_major, status.stx_dev_minor);
}

/// So many levels hold descriptors at most; those further up are opened again by their path.
constexpr size_t maxOpenLevels = 64;
constexpr int directoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

/// A loop and no recursion: how deep directories lie is for their owner to say, and stacks are small.
class TreeWalk {
 public:
  TreeWalk(int root, TarWriter& tar, const TreeOptions& options)
      : root_(root), tar_(tar), options_(options), mount_(mountOf(root, ".")) {}

  void run() {
    enter(root_, "");
    while (!levels_.empty()) step();
  }

 private:
  /// A directory on the way.
  struct Level {
    std::string path;
    sys::UniqueFd directory;
    std::vector<std::string> names;
    size_t next = 0;
  };

  void enter(int directory, const std::string& path) {
    Level level{.path = path, .directory = {}, .names = {}};
    level.directory.reset(sys::check(::openat(directory, ".", directoryFlags), "openat", path));
    const int again = sys::check(::openat(directory, ".", directoryFlags), "openat", path);
    level.names = sys::Directory(sys::UniqueFd(again), path).names();
    std::sort(level.names.begin(), level.names.end());
    levels_.push_back(std::move(level));
    if (levels_.size() > maxOpenLevels) levels_[levels_.size() - maxOpenLevels - 1].directory.reset();
  }

  void step() {
    if (options_.cancelled != nullptr && *options_.cancelled)
      throw sys::Error("ERR_ABORTED", "the export was aborted");
    Level& level = levels_.back();
    if (level.next == level.names.size()) return leave();
    const std::string name = level.names[level.next++];
    const std::string path = joined(level.path, name);
    if (path.size() > maxPath) corrupt("the path " + quoted(path) + " is longer than Linux allows");
    if (!options_.hidden.contains(path)) writeChild(level.directory.get(), name, path);
  }

  void leave() {
    levels_.pop_back();
    if (levels_.empty() || levels_.back().directory) return;
    Level& level = levels_.back();
    level.directory = openBeneath(root_, level.path, directoryFlags);
    if (level.directory) return;
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) sys::throwErrno("openat2", level.path);
    level.next = level.names.size();  // has vanished
  }

  void writeChild(int parent, const std::string& name, const std::string& path) {
    const sys::UniqueFd fd(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) return;
    sys::check(fd.get(), "openat", path);
    const struct stat status = statusOf(fd.get(), path);
    std::optional<TarEntry> entry = entryOf(fd.get(), status, path);
    if (!entry) return;
    if (const auto first = links_.firstName(status, path)) return writeLink(*entry, *first);
    tar_.add(*entry);
    if (entry->type == EntryType::regular) writeContents(tar_, fd.get(), entry->size, path);
    if (entry->type == EntryType::directory && mountOf(fd.get(), path) == mount_) enter(fd.get(), path);
  }

  void writeLink(TarEntry& entry, const std::string& target) {
    entry.type = EntryType::hardLink;
    entry.target = target;
    entry.xattrs.clear();
    tar_.add(entry);
  }

  int root_;
  TarWriter& tar_;
  const TreeOptions& options_;
  const uint64_t mount_;
  HardLinks links_;
  std::vector<Level> levels_;
};

}  // namespace

std::optional<TarEntry> describeFile(int fd, const std::string& path) {
  return entryOf(fd, statusOf(fd, path), path);
}

void writeContents(TarWriter& tar, int fd, uint64_t size, const std::string& path) {
  if (size == 0) return;
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  const sys::UniqueFd file(sys::check(::open(name.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  std::vector<uint8_t> buffer(std::min<uint64_t>(size, readSize));
  for (uint64_t at = 0; at < size;) {
    const size_t wanted = std::min<uint64_t>(size - at, buffer.size());
    const ssize_t got = ::pread(file.get(), buffer.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (sys::check(got, "pread", path) == 0) corrupt(quoted(path) + " became shorter while it was read");
    tar.data({buffer.data(), static_cast<size_t>(got)});
    at += static_cast<size_t>(got);
  }
}

std::optional<std::string> HardLinks::firstName(const struct stat& status, const std::string& path) {
  if (S_ISDIR(status.st_mode) || status.st_nlink < 2) return std::nullopt;
  const auto [found, isNew] = names_.try_emplace({status.st_dev, status.st_ino}, path);
  if (isNew) return std::nullopt;
  return found->second;
}

void writeTree(int root, TarWriter& tar, const TreeOptions& options) {
  if (const std::optional<TarEntry> entry = describeFile(root, "./")) tar.add(*entry);
  TreeWalk(root, tar, options).run();
  tar.finish();
}

}  // namespace strake::layer
