#include "sys/erofs_mount.h"

#include <fcntl.h>

#include "sys/detached_mount.h"
#include "sys/error.h"

namespace strake::sys {

namespace {

std::string nameOf(const UniqueFd& file) {
  return "/proc/self/fd/" + std::to_string(file.get());
}

UniqueFd openFile(const std::string& path) {
  return UniqueFd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), "open", path));
}

}  // namespace

// Parameters of fsconfig(2) have at most 255 bytes: descriptors' names are shorter than any path.
UniqueFd mountErofs(const std::string& index, const std::string& data) {
  const UniqueFd indexFile = openFile(index), dataFile = openFile(data);
  FsContext erofs("erofs");
  erofs.set("source", nameOf(indexFile));
  erofs.set("device", nameOf(dataFile));
  return erofs.mount(MOUNT_ATTR_RDONLY);
}

}  // namespace strake::sys
