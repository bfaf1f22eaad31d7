// The directory that becomes a layer, while it is filled. Every name is looked up from the root's descriptor
// and never through a link that leaves it (openat2, Linux 5.6), so that no archive can reach outside,
// whatever links it makes.
//
// A parent that is a symlink of this same layer is followed within the root, as Docker, containerd and umoci
// do. A parent that no entry named is made (0755, root) and remembered as implied: what it really is, the
// layers below say when the layer is committed (complete.h).
#pragma once
#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "layer/entries.h"
#include "layer/tar_entry.h"
#include "sys/unique_fd.h"

namespace strake::layer {

/// What is known of a directory of the layer.
struct DirectoryState {
  /// An entry of the archive named it; its metadata are set at the end, when its contents no longer change.
  bool explicitly = false;
  mode_t mode = 0755;
  timespec mtime = {};
  /// It has another mode while it is filled.
  bool modePending = true;
};

/// An open directory that entries are made in (O_PATH).
struct OpenDirectory {
  sys::UniqueFd fd;
  /// Normalised and free of links.
  std::string path;
};

class LayerTree {
 public:
  using IsLink = std::function<bool(const std::string& path)>;

  /// `target` is an existing directory. `isWaitingLink` says whether a hard link that waits for the layers
  /// below has a path: no directory is implied there (refuseLinkAsDirectory). Throws SysError.
  LayerTree(const std::string& target, IsLink isWaitingLink);

  int root() const { return root_->fd.get(); }

  /// The directory that a normalised path names, made with its parents where absent. ERR_LAYER_CORRUPT when a
  /// part of it is something else than a directory; ERR_LAYER_UNSAFE for links in a circle. Kept open for the
  /// next entries.
  std::shared_ptr<const OpenDirectory> directory(std::string_view path);
  /// The same; null instead of making what is absent.
  std::shared_ptr<const OpenDirectory> existingDirectory(std::string_view path);

  /// Records a directory that was made or found at `path` for an entry that names it.
  void describe(const std::string& path, const DirectoryState& state);
  /// Forgets `path` and all below it: something else takes its place.
  void forget(const std::string& path);
  const std::map<std::string, DirectoryState>& directories() const { return directories_; }
  /// Directories that no entry named, parents first; the root is ".".
  std::vector<std::string> implied() const;
  /// Directories that were made so far and that no entry named.
  const Implied& impliedTotal() const { return impliedTotal_; }

 private:
  using Shared = std::shared_ptr<const OpenDirectory>;
  struct Walk;

  Shared find(std::string_view path, bool create);
  Shared open(std::string_view path);
  Shared walk(std::string_view path, bool create);
  void enter(Walk& walk, const std::string& name);
  void enterAbsent(Walk& walk, const std::string& name);
  void enterOther(Walk& walk, const std::string& name);
  void remember(std::string_view path, const Shared& directory);

  Shared root_;
  IsLink isWaitingLink_;
  std::map<std::string, DirectoryState> directories_;
  Implied impliedTotal_;
  /// Open directories by the path that they were asked for, the latest first.
  std::list<std::pair<std::string, Shared>> recent_;
  std::unordered_map<std::string_view, std::list<std::pair<std::string, Shared>>::iterator> byPath_;
};

/// Makes an open directory (O_PATH) hide what the layers below have of it: overlayfs' trusted.overlay.opaque,
/// or user.overlay.opaque in a user namespace.
void makeOpaque(int directory, std::string_view path);

/// openat2(2) from `root`, never leaving it and following no link at all. Returns an invalid fd with errno.
sys::UniqueFd openBeneath(int root, const std::string& path, uint64_t flags);

}  // namespace strake::layer
