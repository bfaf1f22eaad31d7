// What the entries of a layer's archive ask for: the rules that are the same whatever a layer is made of,
// files (apply.h) or an index (erofs_apply.h).
#pragma once
#include <cstdint>
#include <string>

#include "layer/tar_reader.h"

namespace strake::layer {

/// How many directories, and the bytes of their paths.
struct Implied {
  uint64_t count = 0;
  uint64_t pathBytes = 0;

  void add(uint64_t path) {
    ++count;
    pathBytes += path;
  }
};

/// Makes what entries ask for. Paths are normalised and not empty.
class EntryMaker {
 public:
  virtual ~EntryMaker() = default;
  /// An entry that names the root itself, a directory.
  virtual void describeRoot(const TarEntry& entry) = 0;
  /// Hides all that the layers below have in a directory.
  virtual void makeOpaque(const std::string& directory) = 0;
  /// Hides what the layers below have at `path`. What this layer itself has of that name stays, wherever the
  /// two stand in the tar: a whiteout speaks of the layers below alone.
  virtual void makeWhiteout(const std::string& path) = 0;
  virtual void make(TarReader& reader, const TarEntry& entry, const std::string& path) = 0;
  /// Directories that were made so far though no entry named them.
  virtual const Implied& implied() const = 0;
};

/// Hands every entry to `maker` and reads the archive to its end; answers how many there were. More than
/// `maxEntries`, with implied directories, are ERR_LAYER_TOO_LARGE, and so are implied directories whose
/// paths have more than 64 MiB. ERR_LAYER_CORRUPT, ERR_LAYER_UNSAFE.
uint64_t makeEntries(TarReader& reader, EntryMaker& maker, uint64_t maxEntries);

/// Linux' limits for the text of a symlink: ERR_LAYER_CORRUPT.
void verifySymlink(const TarEntry& entry);

[[noreturn]] void refuseLinkToDirectory(const TarEntry& entry);

/// A hard link in the place of a directory that holds what it leads to.
[[noreturn]] void refuseLinkToBelow(const std::string& path, const std::string& target);

/// A directory in the place of a hard link that waits for the layers below: what the link leads to is a file,
/// or a symlink of theirs, through which nothing of this layer goes.
[[noreturn]] void refuseLinkAsDirectory(const std::string& path);

/// A hard link to what neither this layer nor one below has.
[[noreturn]] void refuseLostLink(const std::string& path, const std::string& target);

/// Bounds the names of hard links that wait for the layers below.
class AwaitedNames {
 public:
  /// ERR_LAYER_TOO_LARGE, naming the entry, past 64 MiB.
  void count(uint64_t bytes, const TarEntry& entry);

 private:
  uint64_t bytes_ = 0;
};

}  // namespace strake::layer
