#include "runtime/masks.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/devices.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

sys::UniqueFd emptyDirectory(const char* size, uint64_t attributes) {
  sys::FsContext tmpfs("tmpfs");
  tmpfs.set("mode", "755");
  tmpfs.set("size", size);
  return tmpfs.mount(attributes | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

sys::UniqueFd nullDevice() {
  sys::UniqueFd null(openHostDevice("/dev/null", 1, 3));
  sys::UniqueFd tree = sys::cloneTree(null.get(), "", false);
  sys::changeMount(tree.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0, false,
                   "/dev/null");
  return tree;
}

bool isDirectory(int fd) {
  struct stat info;
  sys::check(fstat(fd, &info), "fstat");
  return S_ISDIR(info.st_mode);
}

/// One mount that is made for the first place and cloned for the others. A clone is taken from the attached
/// one: kernels before 6.15 do not clone a detached mount.
class Cover {
 public:
  explicit Cover(sys::UniqueFd (*make)()) : make_(make) {}

  void over(int target, const std::string& path) {
    if (!first_) {
      first_ = make_();
      sys::attachMount(first_.get(), target, path);
    } else {
      sys::attachMount(sys::cloneTree(first_.get(), "", false).get(), target, path);
    }
  }

 private:
  sys::UniqueFd (*make_)();
  sys::UniqueFd first_;
};

}  // namespace

void maskPaths(int root, const std::vector<std::string>& paths) {
  Cover directory([] { return emptyDirectory("4k", MOUNT_ATTR_RDONLY); });
  Cover file(nullDevice);
  for (const std::string& path : paths) {
    sys::UniqueFd target = sys::tryOpenInRoot(root, path, O_PATH);
    if (target)
      (isDirectory(target.get()) ? directory : file).over(target.get(), path);
    else if (errno != ENOENT && errno != ENOTDIR)
      sys::throwErrno("open", path);
  }
}

void sealPaths(int root, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    sys::UniqueFd target = sys::tryOpenInRoot(root, path, O_PATH);
    if (!target && (errno == ENOENT || errno == ENOTDIR)) continue;
    if (!target) sys::throwErrno("open", path);
    sys::UniqueFd tree = sys::cloneTree(target.get(), "", true);
    sys::changeMount(tree.get(), MOUNT_ATTR_RDONLY, 0, 0, true, path);
    sys::attachMount(tree.get(), target.get(), path);
  }
}

void hidePaths(int root, const std::vector<std::string>& paths) {
  Cover file(nullDevice);
  for (const std::string& path : paths) {
    sys::UniqueFd target = sys::tryOpenInRoot(root, path, O_PATH);
    if (!target && (errno == ENOENT || errno == ENOTDIR)) continue;
    if (!target) sys::throwErrno("open", path);
    if (isDirectory(target.get()))
      sys::attachMount(emptyDirectory("64m", 0).get(), target.get(), path);
    else
      file.over(target.get(), path);
  }
}

}  // namespace strake::runtime
