// Committed layers, looked at as overlayfs would: the uppermost that has a name decides.
#pragma once
#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/layer_ref.h"
#include "sys/unique_fd.h"

namespace strake::layer {

enum class Found { absent, directory, symlink, other };

struct Lookup {
  Found kind = Found::absent;
  /// Of what was found, in the uppermost layer that has it (O_PATH).
  sys::UniqueFd fd;
  struct stat status = {};
};

class LayerStack {
 public:
  /// Top first. Each is opened, or mounted, when it is first looked into: often none but the top is. All of
  /// this throws SysError. The first `changing` are not committed yet: directories may be moved in them
  /// meanwhile.
  explicit LayerStack(std::vector<sys::LayerRef> layers, size_t changing = 0)
      : layers_(std::move(layers)), changing_(changing), roots_(layers_.size()) {}

  /// What a normalised path names in the merged tree. Links are not followed: below one there is nothing.
  Lookup find(std::string_view path) const;
  /// resolveLinks() in the merged tree.
  std::optional<std::string> resolve(std::string at, std::string_view path) const;
  size_t size() const { return layers_.size(); }
  /// The n-th layer's root, from the top.
  int root(size_t layer) const { return open(layer).fd.get(); }

 private:
  enum class Verdict { found, hidden, askBelow };
  Verdict findIn(size_t layer, std::string_view path, Lookup& lookup) const;

  /// A directory of one layer.
  struct Place {
    std::string path = {};
    sys::UniqueFd fd = {};
    /// The length of the path at which a directory on the way, or this one, was opaque; npos: none was.
    size_t opaqueFrom = std::string::npos;
  };
  struct Root {
    sys::UniqueFd fd;
    /// Whether it hides all that is below: that of a layer which is not committed yet.
    bool opaque = false;
    /// Where the last lookup ended. The next one is often near: from the root it would take as many steps as
    /// the path has names, which an archive of deep directories makes its own square.
    Place last = {};
  };
  Root& open(size_t layer) const;
  Place startOf(size_t layer, std::string_view path) const;

  std::vector<sys::LayerRef> layers_;
  size_t changing_;
  mutable std::vector<Root> roots_;
};

/// What a path of a merged tree names; `link` is a symlink's text.
struct Step {
  Found kind = Found::absent;
  std::string link = {};
};

/// Which directory a path leads to from the directory `at` in the tree that `look` answers for: links are
/// followed, and never out of the root. What is absent counts as a directory. Nothing: to something that is
/// no directory, or in a circle.
std::optional<std::string> resolveLinks(const std::function<Step(const std::string& path)>& look,
                                        std::string at, std::string_view path);

/// The text of a symlink (O_PATH). `path` is for errors.
std::string linkText(int link, const std::string& path);

/// A character device 0/0.
bool isWhiteout(const struct stat& status);

/// Whether a directory (O_PATH) hides what the layers below have of it.
bool isOpaque(int directory);

}  // namespace strake::layer
