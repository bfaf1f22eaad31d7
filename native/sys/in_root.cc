#include "sys/in_root.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/error.h"

namespace strake::sys {
namespace {

constexpr int maxAttempts =
    32;  // a racing writer makes openat2 answer EAGAIN; and links nest at most this deep

UniqueFd tryOpen(int root, const std::string& path, int flags, uint64_t resolve) noexcept {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  for (int attempt = 0;; ++attempt) {
    int fd = static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN || attempt == maxAttempts) return UniqueFd(fd);
  }
}

/// The target of the symlink `name` in `parent`, as a path inside the root; empty when it is no symlink.
std::string linkTarget(int parent, const std::string& parentPath, const std::string& name) {
  char target[4096];
  ssize_t n = readlinkat(parent, name.c_str(), target, sizeof target);
  if (n <= 0) return {};
  std::string text(target, static_cast<size_t>(n));
  return text[0] == '/' ? text : parentPath + "/" + text;
}

UniqueFd makeDirectories(int root, const std::string& path, mode_t mode, int depth) {
  UniqueFd found = tryOpenInRoot(root, path, O_PATH | O_DIRECTORY);
  if (found || errno != ENOENT) {
    if (!found) throwErrno("open", path);
    return found;
  }
  if (depth >= maxAttempts * 4) throw SysError(ELOOP, "mkdir", path);
  auto [parentPath, name] = splitPath(path);
  if (name == "..") throw SysError(ENOENT, "mkdir", path);
  UniqueFd parent = makeDirectories(root, parentPath, mode, depth + 1);
  if (mkdirat(parent.get(), name.c_str(), mode) < 0 && errno != EEXIST) throwErrno("mkdir", path);
  if (UniqueFd made = tryOpenInRoot(root, path, O_PATH | O_DIRECTORY)) return made;
  std::string target = linkTarget(parent.get(), parentPath, name);
  if (target.empty()) throw SysError(ENOTDIR, "mkdir", path);
  return makeDirectories(root, target, mode, depth + 1);
}

UniqueFd makeFile(int root, const std::string& path, int depth) {
  UniqueFd found = tryOpenInRoot(root, path, O_PATH);
  if (found) return found;
  if (errno != ENOENT) throwErrno("open", path);
  if (depth >= maxAttempts) throw SysError(ELOOP, "create", path);
  auto [parentPath, name] = splitPath(path);
  UniqueFd parent = makeDirectoriesInRoot(root, parentPath, 0755);
  UniqueFd made(openat(parent.get(), name.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (made) return openInRoot(root, path, O_PATH);
  if (errno != EEXIST) throwErrno("create", path);
  std::string target = linkTarget(parent.get(), parentPath, name);
  return makeFile(root, target.empty() ? path : target, depth + 1);
}

}  // namespace

UniqueFd tryOpenInRoot(int root, const std::string& path, int flags, uint64_t resolve) noexcept {
  return tryOpen(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
}

UniqueFd tryOpenBeneath(int root, const std::string& path, int flags) noexcept {
  return tryOpen(root, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

UniqueFd openInRoot(int root, const std::string& path, int flags, uint64_t resolve) {
  UniqueFd fd = tryOpenInRoot(root, path, flags, resolve);
  if (!fd) throwErrno("open", path);
  return fd;
}

UniqueFd makeDirectoriesInRoot(int root, const std::string& path, mode_t mode) {
  return makeDirectories(root, path, mode, 0);
}

UniqueFd makeMountPoint(int root, const std::string& path, bool directory) {
  return directory ? makeDirectories(root, path, 0755, 0) : makeFile(root, path, 0);
}

std::pair<std::string, std::string> splitPath(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"/", std::string(path)};
  return {slash == 0 ? "/" : std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

}  // namespace strake::sys
