// Extended attributes of a layer's files.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strake::layer {

using Xattrs = std::vector<std::pair<std::string, std::string>>;

/// Names that only overlayfs itself may set: an image that sets them is ignored.
bool belongsToOverlay(std::string_view name);

/// Sets them on an open file, without overlayfs' own. What the file system has no room for in principle
/// (EOPNOTSUPP, or user.* on what is neither file nor directory) is left out, but a file capability is never:
/// SysError.
void setXattrs(int fd, const Xattrs& xattrs, const std::string& path);

/// The same on what `name` names in the open directory `parent`, following no link.
void setXattrsAt(int parent, const std::string& name, const Xattrs& xattrs, const std::string& path);

/// All xattrs of what `fd` is open on (O_PATH will do, also of a symlink), without overlayfs' own.
Xattrs readXattrs(int fd, const std::string& path);

}  // namespace strake::layer
