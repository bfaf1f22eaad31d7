// What a container has changed, as overlayfs keeps it in the upper directory, told in terms of paths: what is
// there, and what of the layers below is gone. Nothing is mounted here, and of the layers below only that is
// read which the upper directory refers to.
//
// Overlayfs' own records (Documentation/filesystems/overlayfs.rst) are resolved: whiteouts, opaque
// directories, renamed directories (trusted.overlay.redirect: all of the directory's contents are then told,
// since a layer has no word for a rename) and copied-up metadata (trusted.overlay.metacopy: the data are
// those of the layer below). Sockets are left out: they belong to a process that is gone.
//
// The order is the same for the same upper directory: in each directory first what is gone, then what is
// there, by bytes of the names, a directory before its contents.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sys/unique_fd.h"

namespace strake::layer {

/// Something that is in the upper directory, or came with a directory that was renamed.
struct UpperEntry {
  /// Normalised; the root is "".
  std::string path = {};
  struct stat status = {};
  /// Open on the entry itself (O_PATH).
  int fd = -1;
  /// Where a regular file's contents are, if not at `fd` (metacopy): a path in the layers below. Else -1.
  int dataRoot = -1;
  std::string dataPath = {};
};

/// Is told in order. Paths are normalised.
class UpperVisitor {
 public:
  virtual ~UpperVisitor() = default;
  /// The layers below have it no longer.
  virtual void removed(const std::string& path) = 0;
  /// All of the directory's contents of the layers below are gone; `kept` are the names that it has now,
  /// sorted. Told after present() of the directory itself, before its contents.
  virtual void replaced(const std::string& path, const std::vector<std::string_view>& kept) = 0;
  virtual void present(const UpperEntry& entry) = 0;
};

struct UpperWalk {
  /// The upper directory.
  int upper = -1;
  /// The layers below as one tree (a read-only mount of them); -1: there are none.
  int below = -1;
  /// Where the engine mounts something of its own (normalised). The empty files and directories that it makes
  /// there, where an image has none, are no change of the container's.
  std::vector<std::string> mountPoints = {};
  /// The container's overlay was mounted with `userxattr`: its marks are user.overlay.*, which a container
  /// can set itself where the marks are trusted.overlay.*, and then says nothing by them.
  bool userXattrs = false;
};

/// Tells `visitor` all of it. Throws SysError, what the visitor throws, and ERR_LAYER_CORRUPT for records
/// that refer to what is not below. Uses descriptors within bounds, memory that grows with the largest
/// directory and with depth.
void walkUpper(const UpperWalk& walk, UpperVisitor& visitor);

/// What a path is in the layers below; false where there is nothing. Links are not followed.
bool statBelow(int below, const std::string& path, struct stat& status);

}  // namespace strake::layer
