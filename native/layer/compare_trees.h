// Whether two layers are the same, file by file.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace strake::layer {

/// A difference between two trees: the path, and what differs there ("contents", "mode", "xattr user.note",
/// …).
struct TreeDifference {
  std::string path;
  std::string what;
};

/// The first difference between two directories in overlayfs' own form, in the order of the names: kinds,
/// owners, modes, times of modification (ns), sizes, contents, link texts, devices, all xattrs (overlayfs'
/// own opaque mark too), and which names are one file. Nothing: they are the same. Of `implied` directories
/// (LayerTree::implied) and of whiteouts the time is that of their making, and not compared. Descriptors and
/// memory are bounded by the depth and the largest directory. Throws SysError.
std::optional<TreeDifference> compareTrees(const std::string& expected, const std::string& actual,
                                           const std::vector<std::string>& implied = {});

}  // namespace strake::layer
