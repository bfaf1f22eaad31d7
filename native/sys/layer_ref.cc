#include "sys/layer_ref.h"

#include <fcntl.h>

#include "sys/erofs_mount.h"
#include "sys/error.h"

namespace strake::sys {

UniqueFd openLayer(const LayerRef& layer) {
  if (layer.isErofs()) return mountErofs(layer.index, layer.tar);
  const int fd = ::open(layer.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  return UniqueFd(check(fd, "open", layer.directory));
}

}  // namespace strake::sys
