#include "sys/read_only_program.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "sys/error.h"

namespace strake::sys {

namespace {

constexpr unsigned cloneTree = 1;  // OPEN_TREE_CLONE

}  // namespace

UniqueFd readOnlyMount(const std::string& path) {
  UniqueFd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), cloneTree | O_CLOEXEC)));
  if (!tree) return {};
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
    return {};
  return tree;
}

UniqueFd sealedCopy(const std::string& path) {
  const UniqueFd source(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  struct stat status {};
  check(::fstat(source.get(), &status), "fstat", path);
  UniqueFd copy(check(::memfd_create("strake-monitor", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create"));
  for (off_t left = status.st_size; left > 0;) {
    const ssize_t copied =
        check(::sendfile(copy.get(), source.get(), nullptr, static_cast<size_t>(left)), "sendfile", path);
    if (copied == 0) throw SysError(EIO, "sendfile", path);
    left -= copied;
  }
  check(::fchmod(copy.get(), 0500), "fchmod", path);
  const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  check(::fcntl(copy.get(), F_ADD_SEALS, seals), "fcntl", path);
  return copy;
}

int readOnlyProgram(const std::string& path) {
  static std::mutex mutex;
  static auto* programs = new std::map<std::string, UniqueFd>;
  const std::lock_guard guard(mutex);
  UniqueFd& program = (*programs)[path];
  if (!program) program = readOnlyMount(path);
  if (!program) program = sealedCopy(path);
  return program.get();
}

}  // namespace strake::sys
