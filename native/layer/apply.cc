#include "layer/apply.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/layer_stack.h"
#include "layer/xattrs.h"
#include "sys/error.h"
#include "sys/id_map.h"
#include "sys/remove_tree.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr mode_t setIdBits = S_ISUID | S_ISGID;

/// The mode that a directory has until its contents are complete: writable, and handing its group on to
/// nobody.
mode_t workingMode(mode_t mode) {
  return (mode & ~setIdBits) | S_IRWXU;
}

/// chown of `name` in `parent`, or of `parent` itself.
void giveAway(const TarEntry& entry, int parent, const std::string& name, const std::string& path) {
  const int flags = AT_SYMLINK_NOFOLLOW | (name.empty() ? AT_EMPTY_PATH : 0);
  if (::fchownat(parent, name.c_str(), entry.uid, entry.gid, flags) == 0) return;
  if (errno != EINVAL) sys::throwErrno("fchownat", path);
  throw sys::Error("ERR_NO_SUBORDINATE_IDS",
                   "tar: " + quoted(path) + " belongs to " + std::to_string(entry.uid) + ":" +
                       std::to_string(entry.gid) +
                       ", an id that this user has not got: make the ranges in /etc/subuid and /etc/subgid "
                       "larger");
}

mode_t fileTypeOf(EntryType type) {
  switch (type) {
    case EntryType::charDevice:
      return S_IFCHR;
    case EntryType::blockDevice:
      return S_IFBLK;
    default:
      return S_IFIFO;
  }
}

bool isWhiteout(const TarEntry& entry) {
  return entry.type == EntryType::charDevice && entry.deviceMajor == 0 && entry.deviceMinor == 0;
}

}  // namespace

void takeOwnUmask() {
  sys::check(::unshare(CLONE_FS), "unshare CLONE_FS");
  ::umask(0);
}

Applier::Applier(const std::string& target, uint64_t maxEntries)
    : tree_(target, [this](const std::string& path) { return links_.contains(path); }),
      maxEntries_(maxEntries),
      uid_(::geteuid()),
      gid_(::getegid()),
      singleId_(sys::hasSingleId()) {
  // A setgid directory would hand its group on to everything that is made in it.
  sys::check(::chmod(target.c_str(), 0755), "chmod", target);
}

std::string Applier::Place::path() const {
  return joined(directory->path, name);
}

ApplyResult Applier::apply(TarReader& reader) {
  result_.entries = makeEntries(reader, *this, maxEntries_);
  finishDirectories();
  result_.implied = tree_.implied();
  result_.links = lowerLinks();
  return std::move(result_);
}

void Applier::makeOpaque(const std::string& directory) {
  const auto open = tree_.directory(directory);
  layer::makeOpaque(open->fd.get(), open->path);
}

void Applier::make(TarReader& reader, const TarEntry& entry, const std::string& path) {
  const Place place = placeOf(path);
  switch (entry.type) {
    case EntryType::regular:
      return makeRegular(reader, entry, place);
    case EntryType::directory:
      return makeDirectory(entry, place);
    case EntryType::hardLink:
      return makeHardLink(entry, place);
    case EntryType::symlink:
      return makeSymlink(entry, place);
    default:
      return makeSpecial(entry, place);
  }
}

void Applier::describeRoot(const TarEntry& entry) {
  if (!singleId_) giveAway(entry, tree_.root(), ".", ".");
  setXattrsAt(tree_.root(), "", entry.xattrs, ".");
  tree_.describe("", {true, entry.mode, entry.mtime, true});
}

Applier::Place Applier::placeOf(std::string_view path) {
  return {tree_.directory(parentOf(path)), std::string(baseOf(path))};
}

void Applier::clear(const Place& place) {
  struct stat status {};
  sys::check(::fstatat(place.parent(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "fstatat",
             place.path());
  // Paths that lead through a link or a directory are remembered, and lead elsewhere from now on.
  if (S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode)) tree_.forget(place.path());
  if (S_ISDIR(status.st_mode)) {
    const std::string below = place.path() + "/";
    std::erase_if(links_, [&below](const auto& link) { return link.first.starts_with(below); });
    return sys::removeTree(place.parent(), place.name);
  }
  sys::check(::unlinkat(place.parent(), place.name.c_str(), 0), "unlinkat", place.path());
}

template <typename Make>
int Applier::makeNew(const Place& place, const char* call, Make make) {
  links_.erase(place.path());
  int result = make(place.parent(), place.name.c_str());
  if (result < 0 && errno == EEXIST) {
    clear(place);
    result = make(place.parent(), place.name.c_str());
  }
  if (result < 0) sys::throwErrno(call, place.path());
  return result;
}

// Few calls on purpose: this is what unpacking spends its time on. chown clears setuid and setgid and file
// capabilities, writing clears capabilities: so owner, then mode, then xattrs, after the data.
void Applier::makeRegular(TarReader& reader, const TarEntry& entry, const Place& place) {
  const bool foreign = isForeign(entry);
  const sys::UniqueFd fd(makeNew(place, "openat", [&entry](int parent, const char* name) {
    return ::openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
                    entry.mode & ~setIdBits);
  }));
  writeData(reader, entry, fd.get(), entry.path);
  if (foreign) giveAway(entry, fd.get(), "", place.path());
  if ((entry.mode & setIdBits) != 0) sys::check(::fchmod(fd.get(), entry.mode), "fchmod", place.path());
  if (!entry.xattrs.empty()) setXattrs(fd.get(), entry.xattrs, place.path());
  const timespec times[2] = {entry.mtime, entry.mtime};
  sys::check(::futimens(fd.get(), times), "futimens", place.path());
}

void Applier::writeData(TarReader& reader, const TarEntry& entry, int fd, const std::string& path) {
  uint64_t at = 0;
  std::span<const uint8_t> piece;
  for (const Extent& extent : entry.extents) {
    if (extent.size == 0) continue;  // GNU tar's way to say that the file ends with a hole
    if (extent.offset != at)
      sys::check(::lseek(fd, static_cast<off_t>(extent.offset), SEEK_SET), "lseek", path);
    for (uint64_t left = extent.size; left > 0;) {
      if (piece.empty()) piece = reader.data();
      const auto taken = piece.first(std::min<uint64_t>(left, piece.size()));
      sys::writeAll(fd, {reinterpret_cast<const char*>(taken.data()), taken.size()}, path);
      piece = piece.subspan(taken.size());
      left -= taken.size();
    }
    at = extent.offset + extent.size;
    result_.bytes += extent.size;
  }
  if (at != entry.size) sys::check(::ftruncate(fd, static_cast<off_t>(entry.size)), "ftruncate", path);
}

// A directory that is there already keeps its contents.
void Applier::makeDirectory(const TarEntry& entry, const Place& place) {
  const bool replacesLink = links_.erase(place.path()) > 0;
  const bool isNew = ::mkdirat(place.parent(), place.name.c_str(), workingMode(entry.mode)) == 0;
  if (!isNew) {
    if (errno != EEXIST) sys::throwErrno("mkdirat", place.path());
    replaceByDirectory(entry, place);
  }
  if (isNew && replacesLink) makeOpaque(place.path());
  if (isForeign(entry) || (!isNew && !singleId_)) {
    giveAway(entry, place.parent(), place.name, place.path());
  }
  setXattrsAt(place.parent(), place.name, entry.xattrs, place.path());
  const bool modePending = !isNew || workingMode(entry.mode) != entry.mode;
  tree_.describe(place.path(), {true, entry.mode, entry.mtime, modePending});
}

// One that takes a file's place hides the one below, as that did; a whiteout and a directory together mean
// "gone, and made anew".
void Applier::replaceByDirectory(const TarEntry& entry, const Place& place) {
  struct stat status {};
  sys::check(::fstatat(place.parent(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "fstatat",
             place.path());
  if (S_ISDIR(status.st_mode)) return;
  clear(place);
  sys::check(::mkdirat(place.parent(), place.name.c_str(), workingMode(entry.mode)), "mkdirat", place.path());
  makeOpaque(place.path());
}

void Applier::makeHardLink(const TarEntry& entry, const Place& place) {
  const std::string target = normalise(entry.target);
  const auto directory = tree_.existingDirectory(parentOf(target));
  const std::string name(baseOf(target));
  struct stat status {};
  if (target.empty()) status.st_mode = S_IFDIR;
  if (!target.empty() &&
      (!directory || ::fstatat(directory->fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0 ||
       isWhiteout(status))) {
    return awaitLink(entry, place, directory ? awaitedBy(joined(directory->path, name), target) : target);
  }
  if (S_ISDIR(status.st_mode)) refuseLinkToDirectory(entry);
  const std::string there = joined(directory->path, name);
  if (there == place.path()) return;
  if (there.starts_with(place.path() + "/")) refuseLinkToBelow(entry.path, entry.target);
  makeNew(place, "linkat", [&](int parent, const char* linkName) {
    return ::linkat(directory->fd.get(), name.c_str(), parent, linkName, 0);
  });
}

// A link to a link that waits waits for the same, whatever takes that one's place later.
std::string Applier::awaitedBy(const std::string& path, const std::string& target) const {
  const auto found = links_.find(path);
  return found == links_.end() ? target : found->second.second;
}

// Its target may be a file of a layer below, which is known when the layer is committed.
void Applier::awaitLink(const TarEntry& entry, const Place& place, std::string target) {
  awaited_.count(place.path().size() + target.size(), entry);
  if (::faccessat(place.parent(), place.name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) clear(place);
  links_.insert_or_assign(place.path(), std::pair(linkCount_++, std::move(target)));
}

std::vector<LowerLink> Applier::lowerLinks() const {
  std::map<uint64_t, LowerLink> byEntry;
  for (const auto& [path, link] : links_) byEntry.emplace(link.first, LowerLink{path, link.second});
  std::vector<LowerLink> links;
  for (auto& [entry, link] : byEntry) links.push_back(std::move(link));
  return links;
}

void Applier::makeSymlink(const TarEntry& entry, const Place& place) {
  verifySymlink(entry);
  makeNew(place, "symlinkat",
          [&entry](int parent, const char* name) { return ::symlinkat(entry.target.c_str(), parent, name); });
  finishByName(entry, place);
}

// A character device 0/0 is overlayfs' whiteout; in a tar it hides what ".wh.NAME" may hide just as well.
void Applier::makeSpecial(const TarEntry& entry, const Place& place) {
  const dev_t device = ::makedev(entry.deviceMajor, entry.deviceMinor);
  const mode_t mode = fileTypeOf(entry.type) | entry.mode;
  if (isWhiteout(entry)) result_.whiteouts = true;
  if (isWhiteout(entry) && links_.contains(place.path())) return makeWhiteout(place.path());
  makeNew(place, "mknodat", [&](int parent, const char* name) {
    const int made = ::mknodat(parent, name, mode & ~setIdBits, device);
    // In a user namespace nobody makes devices: an empty file that nobody may open keeps the place.
    return made < 0 && errno == EPERM ? ::mknodat(parent, name, S_IFREG, 0) : made;
  });
  finishByName(entry, place);
  if ((entry.mode & setIdBits) != 0) {
    sys::check(::fchmodat(place.parent(), place.name.c_str(), entry.mode, 0), "fchmodat", place.path());
  }
}

void Applier::finishByName(const TarEntry& entry, const Place& place) {
  const char* name = place.name.c_str();
  if (isForeign(entry)) giveAway(entry, place.parent(), place.name, place.path());
  setXattrsAt(place.parent(), place.name, entry.xattrs, place.path());
  const timespec times[2] = {entry.mtime, entry.mtime};
  sys::check(::utimensat(place.parent(), name, times, AT_SYMLINK_NOFOLLOW), "utimensat", place.path());
}

// A file hides a lower one by itself; a directory must be made opaque.
void Applier::makeWhiteout(const std::string& path) {
  const Place place = placeOf(path);
  result_.whiteouts = true;
  if (::mknodat(place.parent(), place.name.c_str(), S_IFCHR, ::makedev(0, 0)) == 0) return;
  if (errno != EEXIST) sys::throwErrno("mknodat", place.path());
  struct stat status {};
  sys::check(::fstatat(place.parent(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "fstatat",
             place.path());
  if (S_ISDIR(status.st_mode)) makeOpaque(place.path());
}

void Applier::finishDirectories() {
  for (const auto& [path, state] : tree_.directories()) {
    if (!state.explicitly) continue;
    const auto parent = tree_.existingDirectory(parentOf(path));
    const std::string name = path.empty() ? "." : std::string(baseOf(path));
    if (!parent) corrupt("tar: the directory " + quoted(path) + " is gone");
    if (state.modePending)
      sys::check(::fchmodat(parent->fd.get(), name.c_str(), state.mode, 0), "fchmodat", path);
    const timespec times[2] = {state.mtime, state.mtime};
    sys::check(::utimensat(parent->fd.get(), name.c_str(), times, AT_SYMLINK_NOFOLLOW), "utimensat", path);
  }
}

}  // namespace strake::layer
