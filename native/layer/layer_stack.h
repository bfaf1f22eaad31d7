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
  /// Top first. Each is opened, or mounted, when it is first looked into: often none but the top is. All of this
  /// throws SysError.
  explicit LayerStack(std::vector<sys::LayerRef> layers) : layers_(std::move(layers)), roots_(layers_.size()) {}

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

  struct Root {
    sys::UniqueFd fd;
    /// Whether it hides all that is below: that of a layer which is not committed yet.
    bool opaque = false;
  };
  const Root& open(size_t layer) const;

  std::vector<sys::LayerRef> layers_;
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
