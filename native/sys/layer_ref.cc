#include "sys/layer_ref.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sys/erofs_mount.h"
#include "sys/error.h"

namespace strake::sys {

namespace {

constexpr long erofsMagic = 0xE0F5E1E2;

UniqueFd duplicateOf(int fd) {
  return UniqueFd(check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl"));
}

}  // namespace

std::shared_ptr<const UniqueFd> borrowMount(int pid, int fd) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return nullptr;
  UniqueFd mount(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
  struct statfs status {};
  if (!mount || ::fstatfs(mount.get(), &status) < 0 || status.f_type != erofsMagic) return nullptr;
  return std::make_shared<const UniqueFd>(std::move(mount));
}

UniqueFd openLayer(const LayerRef& layer) {
  if (layer.mount) return duplicateOf(layer.mount->get());
  if (layer.isErofs()) return mountErofs(layer.index, layer.tar);
  const int fd = ::open(layer.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  return UniqueFd(check(fd, "open", layer.directory));
}

}  // namespace strake::sys
