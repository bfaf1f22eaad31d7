#include "layer/copy_in.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "layer/entries.h"
#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/xattrs.h"
#include "sys/error.h"
#include "sys/id_map.h"
#include "sys/remove_tree.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr int mostAttempts = 128;  // openat2(2) answers EAGAIN while somebody renames on the way

mode_t kindOf(EntryType type) {
  if (type == EntryType::charDevice) return S_IFCHR;
  return type == EntryType::blockDevice ? S_IFBLK : S_IFIFO;
}

void writeFile(TarReader& reader, const TarEntry& entry, int fd) {
  std::span<const uint8_t> piece;
  for (const Extent& extent : entry.extents) {
    sys::check(::lseek(fd, static_cast<off_t>(extent.offset), SEEK_SET), "lseek", entry.path);
    for (uint64_t left = extent.size; left > 0;) {
      if (piece.empty()) piece = reader.data();
      const auto taken = piece.first(std::min<uint64_t>(left, piece.size()));
      sys::writeAll(fd, {reinterpret_cast<const char*>(taken.data()), taken.size()}, entry.path);
      piece = piece.subspan(taken.size());
      left -= taken.size();
    }
  }
  sys::check(::ftruncate(fd, static_cast<off_t>(entry.size)), "ftruncate", entry.path);
}

[[noreturn]] void refuseReplacement(const std::string& path, bool byDirectory) {
  const std::string what = byDirectory ? "cannot overwrite non-directory " : "cannot overwrite directory ";
  throw sys::Error("ERR_COPY_TARGET_INVALID",
                   what + quoted(path) + (byDirectory ? " with directory" : " with non-directory"));
}

}  // namespace

CopyIn::CopyIn(int destination, const CopyInOptions& options)
    : destination_(destination), options_(options), singleId_(sys::hasSingleId()) {}

sys::UniqueFd CopyIn::tryOpen(const std::string& path) const {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS | (options_.isRoot ? RESOLVE_IN_ROOT : RESOLVE_BENEATH);
  const char* name = path.empty() ? "." : path.c_str();
  for (int attempt = 0;; ++attempt) {
    const int fd = static_cast<int>(::syscall(SYS_openat2, destination_, name, &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN || attempt == mostAttempts) return sys::UniqueFd(fd);
  }
}

sys::UniqueFd CopyIn::openDirectory(const std::string& path) const {
  sys::UniqueFd fd = tryOpen(path);
  if (!fd && errno == EXDEV)
    unsafe("tar: " + quoted(path) + " leads out of the destination by a link; nothing was written there");
  sys::check(fd.get(), "open", path);
  return fd;
}

sys::UniqueFd CopyIn::openOrMake(const std::string& path) const {
  sys::UniqueFd found = tryOpen(path);
  if (found || errno != ENOENT || path.empty()) return found ? std::move(found) : openDirectory(path);
  const sys::UniqueFd parent = openOrMake(std::string(parentOf(path)));
  if (::mkdirat(parent.get(), std::string(baseOf(path)).c_str(), 0755) < 0 && errno != EEXIST)
    sys::throwErrno("mkdir", path);
  return openDirectory(path);
}

void CopyIn::run(TarReader& reader) {
  while (const std::optional<TarEntry> entry = reader.next()) make(reader, *entry);
  reader.drain();
  finishDirectories();
}

void CopyIn::make(TarReader& reader, const TarEntry& entry) {
  const std::string path = normalise(entry.path);
  if (path.empty()) return;  // the destination itself stays as it is, as docker has it
  const Place place{openOrMake(std::string(parentOf(path))), std::string(baseOf(path)), path};
  switch (entry.type) {
    case EntryType::regular:
      return makeRegular(reader, entry, place);
    case EntryType::directory:
      return makeDirectory(entry, place);
    case EntryType::hardLink:
      return makeHardLink(entry, place);
    default:
      return makeOther(entry, place);
  }
}

/// Makes the place free.
void CopyIn::clear(const TarEntry& entry, const Place& place) const {
  const char* name = place.name.c_str();
  struct stat status {};
  if (::fstatat(place.parent.get(), name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return;
    sys::throwErrno("fstatat", place.path);
  }
  const bool isDirectory = S_ISDIR(status.st_mode);
  const bool becomesDirectory = entry.type == EntryType::directory;
  if (isDirectory != becomesDirectory && !options_.mayReplaceDirectories)
    refuseReplacement(place.path, becomesDirectory);
  if (isDirectory) return sys::removeTree(place.parent.get(), place.name);
  sys::check(::unlinkat(place.parent.get(), name, 0), "unlinkat", place.path);
}

/// chown of `name` in `fd`, or of `fd` itself; where one id exists, everything is its.
void CopyIn::giveAway(const TarEntry& entry, int fd, const char* name, const std::string& path) const {
  if (singleId_) return;
  const auto [uid, gid] = options_.owner.value_or(std::pair(entry.uid, entry.gid));
  const int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  sys::check(::fchownat(fd, name, uid, gid, flags), "chown", path);
}

void CopyIn::makeDirectory(const TarEntry& entry, const Place& place) {
  const char* name = place.name.c_str();
  struct stat status {};
  const bool isThere = ::fstatat(place.parent.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!isThere || !S_ISDIR(status.st_mode)) {
    clear(entry, place);
    sys::check(::mkdirat(place.parent.get(), name, 0700), "mkdirat", place.path);
  }
  directories_.insert_or_assign(place.path, DirectoryState{entry.mode, entry.mtime});
  giveAway(entry, place.parent.get(), name, place.path);
  setXattrsAt(place.parent.get(), place.name, entry.xattrs, place.path);
}

void CopyIn::makeRegular(TarReader& reader, const TarEntry& entry, const Place& place) {
  clear(entry, place);
  const int flags = O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
  const sys::UniqueFd fd(
      sys::check(::openat(place.parent.get(), place.name.c_str(), flags, 0600), "open", place.path));
  writeFile(reader, entry, fd.get());
  giveAway(entry, fd.get(), "", place.path);
  sys::check(::fchmod(fd.get(), entry.mode), "chmod", place.path);
  setXattrs(fd.get(), entry.xattrs, place.path);
  const timespec times[2] = {entry.mtime, entry.mtime};
  sys::check(::futimens(fd.get(), times), "futimens", place.path);
}

void CopyIn::makeHardLink(const TarEntry& entry, const Place& place) {
  const std::string target = normalise(entry.target);
  const sys::UniqueFd directory = openDirectory(std::string(parentOf(target)));
  const std::string name(baseOf(target));
  if (target == place.path) return;
  clear(entry, place);
  sys::check(::linkat(directory.get(), name.c_str(), place.parent.get(), place.name.c_str(), 0), "link",
             place.path);
}

void CopyIn::makeOther(const TarEntry& entry, const Place& place) {
  const char* name = place.name.c_str();
  clear(entry, place);
  if (entry.type == EntryType::symlink) {
    verifySymlink(entry);
    sys::check(::symlinkat(entry.target.c_str(), place.parent.get(), name), "symlink", place.path);
  } else {
    const dev_t device = ::makedev(entry.deviceMajor, entry.deviceMinor);
    sys::check(::mknodat(place.parent.get(), name, kindOf(entry.type) | 0600, device), "mknod", place.path);
  }
  finish(entry, place);
}

/// Of what cannot be opened: by a descriptor that is open on the thing itself, which nobody can exchange.
void CopyIn::finish(const TarEntry& entry, const Place& place) const {
  const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  const sys::UniqueFd fd(
      sys::check(::openat(place.parent.get(), place.name.c_str(), flags), "open", place.path));
  giveAway(entry, fd.get(), "", place.path);
  struct stat status {};
  sys::check(::fstatat(fd.get(), "", &status, AT_EMPTY_PATH), "fstatat", place.path);
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  if (!S_ISLNK(status.st_mode)) sys::check(::chmod(self.c_str(), entry.mode), "chmod", place.path);
  const timespec times[2] = {entry.mtime, entry.mtime};
  sys::check(::utimensat(place.parent.get(), place.name.c_str(), times, AT_SYMLINK_NOFOLLOW), "utimensat",
             place.path);
}

/// The deepest first: what is made in a directory changes its time. One that somebody has moved away
/// meanwhile is his.
void CopyIn::finishDirectories() const {
  for (const auto& [path, state] : directories_) {
    const sys::UniqueFd parent = tryOpen(std::string(parentOf(path)));
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const sys::UniqueFd fd(parent ? ::openat(parent.get(), std::string(baseOf(path)).c_str(), flags) : -1);
    if (!fd) continue;
    sys::check(::fchmod(fd.get(), state.mode), "chmod", path);
    const timespec times[2] = {state.mtime, state.mtime};
    sys::check(::futimens(fd.get(), times), "futimens", path);
  }
}

}  // namespace strake::layer
