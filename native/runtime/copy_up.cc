#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "runtime/mounts.h"
#include "sys/directory.h"
#include "sys/error.h"
#include "sys/remove_tree.h"

namespace strake::runtime {
namespace {

constexpr int maxDepth = 64;  // descriptors are held on the way down
/// On a volume while it is filled. Of the trusted kind: no container can set it and have its volume emptied.
constexpr const char* unfinished = "trusted.strake.unfinished";
constexpr int lockAttempts = 6000;
constexpr useconds_t lockPause = 5000;

void copyAttributes(int from, int to, const struct stat& info, const char* name) {
  std::vector<char> names(65536);
  ssize_t size = flistxattr(from, names.data(), names.size());
  std::vector<char> value(65536);
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(std::string_view(&names[at]).size()) + 1) {
    ssize_t n = fgetxattr(from, &names[at], value.data(), value.size());
    // A tmpfs takes security.* and trusted.*; what it does not take is not worth a failed start.
    if (n >= 0) fsetxattr(to, &names[at], value.data(), static_cast<size_t>(n), 0);
  }
  sys::check(fchown(to, info.st_uid, info.st_gid), "chown", name);
  sys::check(fchmod(to, info.st_mode & 07777), "chmod", name);
  timespec times[] = {info.st_atim, info.st_mtim};
  sys::check(futimens(to, times), "utimens", name);
}

void copyContents(int from, int to, const char* name) {
  for (ssize_t n; (n = sendfile(to, from, nullptr, 1 << 30)) != 0;)
    if (n < 0) sys::throwErrno("copy", name);
}

void copyFile(int from, int to, const struct stat& info, const char* name) {
  sys::UniqueFd source(
      sys::check(openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), "open", name));
  sys::UniqueFd copy(sys::check(openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
                                "create", name));
  copyContents(source.get(), copy.get(), name);
  copyAttributes(source.get(), copy.get(), info, name);
}

void copyLink(int from, int to, const struct stat& info, const char* name) {
  char target[4096];
  ssize_t n = sys::check(readlinkat(from, name, target, sizeof target - 1), "readlink", name);
  target[n] = 0;
  sys::check(symlinkat(target, to, name), "symlink", name);
  sys::check(fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW), "chown", name);
}

void copyNode(int to, const struct stat& info, const char* name) {
  // Sockets are of no use without their owner; a node that may not be made is left out, as runc does.
  if (S_ISSOCK(info.st_mode) || mknodat(to, name, info.st_mode, info.st_rdev) < 0) return;
  sys::check(fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW), "chown", name);
}

void copyDirectory(int from, int to, int depth);

void copySubdirectory(int from, int to, const struct stat& info, const char* name, int depth) {
  sys::UniqueFd source(
      sys::check(openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", name));
  sys::check(mkdirat(to, name, 0700), "mkdir", name);
  sys::UniqueFd copy(
      sys::check(openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", name));
  copyDirectory(source.get(), copy.get(), depth + 1);
  copyAttributes(source.get(), copy.get(), info, name);
}

void copyEntry(int from, int to, const char* name, int depth) {
  struct stat info;
  sys::check(fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW), "stat", name);
  if (S_ISDIR(info.st_mode)) return copySubdirectory(from, to, info, name, depth);
  if (S_ISREG(info.st_mode)) return copyFile(from, to, info, name);
  if (S_ISLNK(info.st_mode)) return copyLink(from, to, info, name);
  copyNode(to, info, name);
}

void copyDirectory(int from, int to, int depth) {
  if (depth > maxDepth) throw sys::SysError(ELOOP, "copy up");
  sys::UniqueFd reading(sys::check(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "."));
  sys::Directory entries(std::move(reading), ".");
  while (auto entry = entries.next()) copyEntry(entries.fd(), to, entry->name, depth);
}

sys::UniqueFd openAgain(int directory) {
  return sys::UniqueFd(sys::check(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "."));
}

/// A copy is being made, or has died.
bool isUnfinished(int volume) {
  return fgetxattr(volume, unfinished, nullptr, 0) >= 0;
}

bool isFilled(int volume) {
  return sys::Directory(openAgain(volume), ".").next() && !isUnfinished(volume);
}

/// False where somebody, who need not be one of us, holds the lock for long.
bool lockBriefly(int volume) {
  for (int attempt = 0; attempt < lockAttempts; ++attempt) {
    if (flock(volume, LOCK_EX | LOCK_NB) == 0) return true;
    usleep(lockPause);
  }
  return false;
}

void removeEntries(int volume) {
  for (const std::string& name : sys::Directory(openAgain(volume), ".").names())
    sys::removeTree(volume, name);
}

}  // namespace

void fillVolume(int from, int volume) {
  sys::UniqueFd directory(
      sys::check(openat(volume, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "volume"));
  if (isFilled(directory.get()) || !lockBriefly(directory.get()) || isFilled(directory.get())) return;
  if (isUnfinished(directory.get())) removeEntries(directory.get());
  // What cannot be marked (in a user namespace, on some file systems) is copied all the same.
  fsetxattr(directory.get(), unfinished, "", 0, 0);
  copyUp(from, directory.get());
  fremovexattr(directory.get(), unfinished);
}

void copyUp(int from, int to) {
  struct stat info;
  sys::check(fstat(from, &info), "fstat");
  sys::UniqueFd source(sys::check(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "copy up"));
  copyDirectory(source.get(), to, 0);
  sys::UniqueFd copy(sys::check(openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "copy up"));
  copyAttributes(source.get(), copy.get(), info, "copy up");
}

}  // namespace strake::runtime
