#include "sys/layer_ref.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>

#include "sys/erofs_mount.h"
#include "sys/error.h"

namespace strake::sys {

namespace {

constexpr long erofsMagic = 0xE0F5E1E2;
constexpr off_t uuidOffset = 1024 + 48;  // in the superblock

UniqueFd duplicateOf(int fd) {
  return UniqueFd(check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl"));
}

/// Linux' uuid_to_fsid(): both halves of the uuid, one upon the other.
uint64_t identityOf(const std::string& index) {
  const UniqueFd file(::open(index.c_str(), O_RDONLY | O_CLOEXEC));
  uint64_t halves[2] = {};
  if (!file || ::pread(file.get(), halves, sizeof halves, uuidOffset) != sizeof halves) return 0;
  return le64toh(halves[0]) ^ le64toh(halves[1]);
}

uint64_t identityOf(const struct statfs& status) {
  uint32_t words[2];
  static_assert(sizeof words == sizeof status.f_fsid);
  std::memcpy(words, &status.f_fsid, sizeof words);
  return uint64_t{words[1]} << 32 | words[0];
}

}  // namespace

std::shared_ptr<const UniqueFd> borrowMount(int pid, int fd, const std::string& index) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return nullptr;
  UniqueFd mount(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
  struct statfs status {};
  if (!mount || ::fstatfs(mount.get(), &status) < 0 || status.f_type != erofsMagic) return nullptr;
  if (identityOf(status) != identityOf(index)) return nullptr;
  return std::make_shared<const UniqueFd>(std::move(mount));
}

UniqueFd openLayer(const LayerRef& layer) {
  if (layer.mount) return duplicateOf(layer.mount->get());
  if (layer.isErofs()) return mountErofs(layer.index, layer.tar);
  const int fd = ::open(layer.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  return UniqueFd(check(fd, "open", layer.directory));
}

}  // namespace strake::sys
