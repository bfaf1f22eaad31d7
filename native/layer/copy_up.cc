#include "layer/copy_up.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "layer/xattrs.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr size_t copySize = 256 << 10;

/// copy_file_range(2) shares blocks where the file system can; 0 where it will not do at all.
size_t copyInKernel(int from, int to, off_t at, size_t size, const std::string& path) {
  off_t source = at;
  off_t destination = at;
  const ssize_t copied = ::copy_file_range(from, &source, to, &destination, size, 0);
  const bool unfit = errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS;
  if (copied < 0 && unfit) return 0;
  return static_cast<size_t>(sys::check(copied, "copy_file_range", path));
}

size_t copyByHand(int from, int to, off_t at, size_t size, const std::string& path) {
  std::vector<char> buffer(std::min(size, copySize));
  const ssize_t got = sys::check(::pread(from, buffer.data(), buffer.size(), at), "pread", path);
  sys::check(::lseek(to, at, SEEK_SET), "lseek", path);
  sys::writeAll(to, {buffer.data(), static_cast<size_t>(got)}, path);
  return static_cast<size_t>(got);
}

uint64_t copyRange(int from, int to, off_t at, off_t end, const std::string& path) {
  const off_t begin = at;
  while (at < end) {
    const size_t size = static_cast<size_t>(end - at);
    size_t copied = copyInKernel(from, to, at, size, path);
    if (copied == 0) copied = copyByHand(from, to, at, size, path);
    if (copied == 0) break;
    at += static_cast<off_t>(copied);
  }
  return static_cast<uint64_t>(at - begin);
}

uint64_t copyContents(const Lookup& source, int parent, const std::string& name, const std::string& path) {
  const std::string original = "/proc/self/fd/" + std::to_string(source.fd.get());
  const sys::UniqueFd from(sys::check(::open(original.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const sys::UniqueFd to(sys::check(::openat(parent, name.c_str(), flags, 0600), "openat", path));
  sys::check(::ftruncate(to.get(), source.status.st_size), "ftruncate", path);
  uint64_t bytes = 0;
  for (off_t at = 0;;) {
    at = ::lseek(from.get(), at, SEEK_DATA);
    if (at < 0 && errno == ENXIO) return bytes;
    const off_t end = ::lseek(from.get(), sys::check(at, "lseek", path), SEEK_HOLE);
    bytes += copyRange(from.get(), to.get(), at, sys::check(end, "lseek", path), path);
    at = end;
  }
}

}  // namespace

// A change of owner drops setuid bits and file capabilities: it comes first.
uint64_t copyUp(const Lookup& source, int parent, const std::string& name, const std::string& path) {
  const struct stat& status = source.status;
  const char* const file = name.c_str();
  uint64_t bytes = 0;
  if (S_ISREG(status.st_mode)) {
    bytes = copyContents(source, parent, name, path);
  } else if (S_ISLNK(status.st_mode)) {
    sys::check(::symlinkat(linkText(source.fd.get(), path).c_str(), parent, file), "symlinkat", path);
  } else {
    sys::check(::mknodat(parent, file, status.st_mode & (S_IFMT | 0700), status.st_rdev), "mknodat", path);
  }
  sys::check(::fchownat(parent, file, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW), "fchownat", path);
  if (!S_ISLNK(status.st_mode))
    sys::check(::fchmodat(parent, file, status.st_mode & 07777, 0), "fchmodat", path);
  setXattrsAt(parent, name, readXattrs(source.fd.get(), path), path);
  const timespec times[2] = {status.st_mtim, status.st_mtim};
  sys::check(::utimensat(parent, file, times, AT_SYMLINK_NOFOLLOW), "utimensat", path);
  return bytes;
}

}  // namespace strake::layer
