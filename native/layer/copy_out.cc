#include "layer/copy_out.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "layer/tree_writer.h"
#include "sys/directory.h"
#include "sys/error.h"

namespace strake::layer {

namespace {

/// Files without an end, and others that say something else to each reader.
bool isKernels(int fd, const std::string& path) {
  struct statfs status {};
  sys::check(::fstatfs(fd, &status), "fstatfs", path);
  switch (static_cast<unsigned long>(status.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
      return true;
    default:
      return false;
  }
}

class CopyWalk {
 public:
  CopyWalk(TarWriter& tar, const CopyOutOptions& options) : tar_(tar), options_(options) {}

  void write(int fd, const std::string& path) {
    std::optional<TarEntry> entry = describeFile(fd, path);
    if (!entry) return;
    if (options_.owner) std::tie(entry->uid, entry->gid) = *options_.owner;
    if (isSecondName(fd, *entry)) return tar_.add(*entry);
    tar_.add(*entry);
    if (entry->type == EntryType::regular) writeContents(tar_, fd, entry->size, path);
    if (entry->type == EntryType::directory && !isKernels(fd, path)) writeChildren(fd, path);
  }

 private:
  /// Then the entry has become a hard link to the first one.
  bool isSecondName(int fd, TarEntry& entry) {
    struct stat status {};
    sys::check(::fstatat(fd, "", &status, AT_EMPTY_PATH), "fstatat", entry.path);
    const std::optional<std::string> first = links_.firstName(status, entry.path);
    if (!first) return false;
    entry.type = EntryType::hardLink;
    entry.target = *first;
    entry.xattrs.clear();
    return true;
  }

  void writeChildren(int directory, const std::string& path) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    sys::UniqueFd readable(sys::check(::openat(directory, ".", flags), "openat", path));
    std::vector<std::string> names = sys::Directory(std::move(readable), path).names();
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const sys::UniqueFd child(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      const std::string childPath = path + "/" + name;
      if (!child && errno == ENOENT) continue;
      sys::check(child.get(), "openat", childPath);
      write(child.get(), childPath);
    }
  }

  TarWriter& tar_;
  const CopyOutOptions& options_;
  HardLinks links_;
};

}  // namespace

void copyOut(int fd, TarWriter& tar, const CopyOutOptions& options) {
  CopyWalk(tar, options).write(fd, options.name);
  tar.finish();
}

}  // namespace strake::layer
