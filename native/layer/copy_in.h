// A tar's files into a directory that is in use, perhaps by somebody hostile who moves things about
// meanwhile: `docker cp` into a container. Unlike Applier it knows no whiteouts, leaves the directory's own
// mode alone, and remembers no open directory: each entry's way is one openat2(2) that cannot leave the
// destination.
#pragma once
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "layer/tar_reader.h"
#include "sys/unique_fd.h"

namespace strake::layer {

struct CopyInOptions {
  /// The destination is a root directory: absolute links lead to what is below it. Else they lead out.
  bool isRoot = false;
  /// Whether a directory may take the place of something else, and something else that of a directory.
  bool mayReplaceDirectories = false;
  /// Who everything is given to; by default as the archive says.
  std::optional<std::pair<uid_t, gid_t>> owner = {};
};

class CopyIn {
 public:
  /// `destination`: a directory, open (O_PATH will do); borrowed.
  CopyIn(int destination, const CopyInOptions& options);

  /// Makes every entry, then gives the directories their modes and times. What is there already is replaced,
  /// but for directories, which are merged. The calling thread's umask is to be 0. Throws ERR_LAYER_UNSAFE
  /// for an entry that would be made outside; ERR_LAYER_CORRUPT; ERR_COPY_TARGET_INVALID; SysError with the
  /// entry's path.
  void run(TarReader& reader);

 private:
  struct Place {
    sys::UniqueFd parent;
    std::string name;
    std::string path;
  };
  struct DirectoryState {
    mode_t mode;
    timespec mtime;
  };

  void make(TarReader& reader, const TarEntry& entry);
  void makeDirectory(const TarEntry& entry, const Place& place);
  void makeRegular(TarReader& reader, const TarEntry& entry, const Place& place);
  void makeHardLink(const TarEntry& entry, const Place& place);
  void makeOther(const TarEntry& entry, const Place& place);

  /// -1 with errno.
  sys::UniqueFd tryOpen(const std::string& path) const;
  sys::UniqueFd openDirectory(const std::string& path) const;
  sys::UniqueFd openOrMake(const std::string& path) const;
  void clear(const TarEntry& entry, const Place& place) const;
  void giveAway(const TarEntry& entry, int fd, const char* name, const std::string& path) const;
  void finish(const TarEntry& entry, const Place& place) const;
  void finishDirectories() const;

  const int destination_;
  const CopyInOptions options_;
  const bool singleId_;
  std::map<std::string, DirectoryState, std::greater<>> directories_;
};

}  // namespace strake::layer
