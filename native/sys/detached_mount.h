// The mount system calls that work on descriptors (Linux 5.2, mount_setattr 5.12): a mount is made detached,
// changed, and only then attached to a descriptor. No path of a container is ever resolved twice.
#pragma once
#include <fcntl.h>
#include <linux/mount.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace strake::sys {

/// A file system being configured: fsopen(2). Every failure carries the kernel's own explanation.
class FsContext {
 public:
  explicit FsContext(const std::string& type);
  /// Of the file system that `mount` has open, to be reconfigured: fspick(2). `name` is for errors.
  FsContext(int mount, const std::string& name);

  void set(const std::string& key, const std::string& value);
  /// The same; false when this kernel does not know the parameter or takes no value of that length (256
  /// bytes).
  bool trySet(const std::string& key, const std::string& value);
  void flag(const std::string& key);
  /// A parameter given as a descriptor; false when this kernel does not take one there.
  bool setFd(const std::string& key, int fd);
  /// Known once setFd() was refused: this kernel's file system takes a page of text, as mount(2) does, so
  /// that every key is accepted by set() and an unknown one fails in mount() (overlayfs before Linux 6.5).
  bool textOnly() const noexcept { return textOnly_; }
  /// Creates the superblock and returns a detached mount with MOUNT_ATTR_* `attributes`.
  UniqueFd mount(uint64_t attributes);
  /// Gives the file system what was set.
  void reconfigure();

 private:
  [[noreturn]] void fail(std::string_view call, const std::string& detail);

  std::string type_;
  UniqueFd fd_;
  bool textOnly_ = false;
};

/// A detached copy of the mount at `path`, all of its children too when `recursive`.
UniqueFd cloneTree(int dirfd, const std::string& path, bool recursive);

/// Attaches the detached mount to the place that `target` has open. `name` is for errors.
void attachMount(int mount, int target, std::string_view name);

/// mount_setattr(2) on what `mount` has open.
void changeMount(int mount, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive,
                 std::string_view name);

/// Gives a detached mount the id mapping of a user namespace.
void idmapMount(int mount, int userns, bool recursive, std::string_view name);

/// mount(2) of a file system at `target`; `data` is one page at most.
void mountAt(const char* type, const char* target, const std::string& data);

int pivotRoot(const char* newRoot, const char* putOld) noexcept;

/// umount2(2) with MNT_DETACH.
int detachMount(const char* path) noexcept;

}  // namespace strake::sys
