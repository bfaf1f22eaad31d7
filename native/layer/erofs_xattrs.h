// Extended attributes as EROFS keeps them beside an inode. Files that have the same share one copy in memory.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "layer/xattrs.h"

namespace strake::layer::erofs {

class XattrSets {
 public:
  /// 0 is no xattr at all.
  using Id = uint32_t;

  XattrSets();

  /// `added` laid over what `base` has, as setxattr(2) one after the other would. Left out is what
  /// `setXattrs` leaves out (apply.h): overlayfs' own, names that Linux' file systems have no room for, and
  /// user.* on what is neither file nor directory. ERR_LAYER_CORRUPT, naming `path`, for a file capability or
  /// an access list that no kernel would take, and for what is too large for EROFS.
  Id merge(Id base, const Xattrs& added, mode_t mode, const std::string& path);
  /// The same with trusted.overlay.opaque=y.
  Id makeOpaque(Id base);

  /// As they are on disk: header and entries, a multiple of 4 bytes; empty for 0.
  std::string_view bytes(Id id) const { return *sets_[id]; }
  /// Of all sets together.
  uint64_t totalBytes() const { return totalBytes_; }

 private:
  Id intern(std::string bytes);

  std::unordered_map<std::string, Id> ids_;
  std::vector<const std::string*> sets_;
  uint64_t totalBytes_ = 0;
};

}  // namespace strake::layer::erofs
