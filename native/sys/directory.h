// Reading a directory by descriptor.
#pragma once
#include <dirent.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::sys {

struct DirectoryEntry {
  /// Valid until the next call of next().
  const char* name;
  /// DT_DIR and the like; DT_UNKNOWN where the file system does not say.
  unsigned char type;
};

/// An open directory, read one entry at a time without "." and "..".
class Directory {
 public:
  /// `path` is for errors alone.
  Directory(UniqueFd fd, std::string path) : path_(std::move(path)), stream_(open(std::move(fd))) {}

  int fd() const { return ::dirfd(stream_.get()); }
  void rewind() { ::rewinddir(stream_.get()); }

  /// All that are left, for whoever changes the directory meanwhile.
  std::vector<std::string> names() {
    std::vector<std::string> found;
    while (const std::optional<DirectoryEntry> entry = next()) found.emplace_back(entry->name);
    return found;
  }

  std::optional<DirectoryEntry> next() {
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream_.get());
      if (entry == nullptr && errno != 0) throwErrno("readdir", path_);
      if (entry == nullptr) return std::nullopt;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") return DirectoryEntry{entry->d_name, entry->d_type};
    }
  }

 private:
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };

  std::unique_ptr<DIR, Close> open(UniqueFd fd) {
    DIR* stream = ::fdopendir(fd.get());
    if (stream == nullptr) throwErrno("fdopendir", path_);
    static_cast<void>(fd.release());
    return std::unique_ptr<DIR, Close>(stream);
  }

  std::string path_;
  std::unique_ptr<DIR, Close> stream_;
};

}  // namespace strake::sys
