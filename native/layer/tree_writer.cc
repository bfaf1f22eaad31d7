#include "layer/tree_writer.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <vector>

#include "layer/error.h"
#include "layer/layer_stack.h"
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

class TreeWalk {
 public:
  TreeWalk(int root, TarWriter& tar, const TreeOptions& options)
      : tar_(tar), options_(options), mount_(mountOf(root, ".")) {}

  void writeChildren(int directory, const std::string& prefix) {
    for (const std::string& name : sortedNames(directory, prefix)) {
      if (options_.cancelled != nullptr && *options_.cancelled)
        throw sys::Error("ERR_ABORTED", "the export was aborted");
      if (!options_.hidden.contains(prefix + name)) writeChild(directory, name, prefix + name);
    }
  }

 private:
  static std::vector<std::string> sortedNames(int directory, const std::string& path) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    sys::UniqueFd readable(sys::check(::openat(directory, ".", flags), "openat", path));
    std::vector<std::string> names = sys::Directory(std::move(readable), path).names();
    std::sort(names.begin(), names.end());
    return names;
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
    if (entry->type == EntryType::directory && mountOf(fd.get(), path) == mount_)
      writeChildren(fd.get(), path + "/");
  }

  void writeLink(TarEntry& entry, const std::string& target) {
    entry.type = EntryType::hardLink;
    entry.target = target;
    entry.xattrs.clear();
    tar_.add(entry);
  }

  TarWriter& tar_;
  const TreeOptions& options_;
  const uint64_t mount_;
  HardLinks links_;
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
  TreeWalk(root, tar, options).writeChildren(root, "");
  tar.finish();
}

}  // namespace strake::layer
