// The options of an OCI mount, mount(8)'s words: attributes of the mount, its propagation, and whatever
// remains, which is the file system's own. runtime-spec "config.md#linux-mount-options".
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace strake::runtime {

struct MountOptions {
  bool bind = false, recursive = false;  // bind, rbind
  bool remount = false;                  // of what is mounted there already
  uint64_t set = 0, clear = 0;           // MOUNT_ATTR_*, this mount
  uint64_t setRecursively = 0, clearRecursively = 0;
  uint64_t propagation = 0;  // MS_SHARED …; 0 = leave alone
  bool propagationRecursive = false;
  bool copyUp = false;  // tmpcopyup; of a bind: when its source is an empty directory
  bool idmap = false, idmapRecursive = false;
  std::string subpath;  // our own: the part of a bind's or an image's tree that is shown
  std::vector<std::pair<std::string, std::string>> parameters;  // "size" -> "64m"
  std::vector<std::string> flags;                               // parameters without a value

  bool readonly() const;
};

/// The words that do not go to the file system, sorted: for the command `features`.
std::vector<std::string> mountOptionNames();

MountOptions parseMountOptions(const std::vector<std::string>& options);

}  // namespace strake::runtime
