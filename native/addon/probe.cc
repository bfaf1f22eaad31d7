#include "addon/probe.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "addon/probe_child.h"
#include "cgroup/cgroup.h"
#include "layer/erofs_index.h"
#include "runtime/overlay.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/remove_tree.h"
#include "sys/unique_fd.h"
#include "sys/user_namespace.h"
#include "sys/whole_file.h"

namespace strake::addon {
namespace {

std::string because(int error) {
  return std::strerror(error);
}

bool hasCapability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) < 0) return false;
  return (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

/// A directory of our own below root, removed with what the kernel has put into it.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& root) : path_(root + "/.probe-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) sys::throwErrno("mkdtemp", path_);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    try {
      sys::removeTree(path_);
    } catch (const std::exception&) {  // a probe's answer does not depend on it
    }
  }

  std::string make(const char* name) const {
    const std::string path = path_ + "/" + name;
    sys::check(::mkdir(path.c_str(), 0700), "mkdir", path);
    return path;
  }

 private:
  std::string path_;
};

sys::UniqueFd openDirectory(const std::string& path) {
  return sys::UniqueFd(sys::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

void mountOverlay(const std::string& root, bool byDescriptor, bool inUserNamespace) {
  const ScratchDirectory scratch(root);
  const std::string lower = scratch.make("lower"), upper = scratch.make("upper"), work = scratch.make("work");
  sys::FsContext overlay("overlay");
  if (!byDescriptor) {
    overlay.set("lowerdir", lower);
    overlay.set("upperdir", upper);
    overlay.set("workdir", work);
  } else if (!overlay.setFd("lowerdir+", openDirectory(lower).get()) ||
             !overlay.setFd("upperdir", openDirectory(upper).get()) ||
             !overlay.setFd("workdir", openDirectory(work).get())) {
    throw sys::Error("ERR_OVERLAY_UNAVAILABLE",
                     "overlay takes its layers by descriptor since Linux 6.13; paths are used instead");
  }
  if (inUserNamespace) overlay.flag("userxattr");
  overlay.mount(0);
}

/// Sysctls that keep an ordinary user from user namespaces, or from doing anything in one, as they are set
/// here.
std::string forbiddingSysctls() {
  struct Row {
    const char *file, *name, *forbids, *remedy;
  };
  constexpr Row rows[] = {
      {"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", "0", "1"},
      {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
       "kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
      {"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", "0", "15000"}};
  std::string found;
  for (const Row& row : rows) {
    std::string value;
    std::ifstream(row.file) >> value;
    if (value == row.forbids)
      found.append("; ")
          .append(row.name)
          .append("=")
          .append(value)
          .append(" forbids it: sysctl -w ")
          .append(row.name)
          .append("=")
          .append(row.remedy);
  }
  return found;
}

std::string overlayRemedy(const sys::SysError& error, const std::string& root) {
  const std::string what = error.what();
  switch (error.error()) {
    case EPERM:
    case EACCES:
      return what + "; run as root, or with CAP_SYS_ADMIN" + forbiddingSysctls();
    case ENODEV:
      return what + "; this kernel has no overlay file system: modprobe overlay";
    case ENOSYS:
      return what + "; overlay is mounted by descriptor, which needs Linux 5.2";
    default:
      return what +
             "; give --root on a file system that takes an overlay's upper directory (ext4, xfs, btrfs or "
             "tmpfs), not " +
             root;
  }
}

/// As an ordinary user's container mounts it: in a user namespace and a mount namespace of its own.
void mountOverlayAsUser(const std::string& root, bool byDescriptor) {
  const sys::UniqueFd userns = sys::makeUserNamespace({{0, ::geteuid(), 1}}, {{0, ::getegid(), 1}});
  sys::asRootOf(userns.get(), [&] {
    sys::check(::unshare(CLONE_NEWNS), "unshare", "mount namespace");
    mountOverlay(root, byDescriptor, true);
  });
}

sys::LayerRef writeTinyLayer(const ScratchDirectory& scratch) {
  const sys::LayerRef layer{.index = scratch.make("erofs") + "/index", .tar = scratch.make("tar") + "/tar"};
  sys::writeFileAtomic(layer.tar, std::string(1024, '\0'), 0600, false);
  layer::NoBytes none;
  layer::LayerIndex(none, 1).write(layer.index, layer.tar, {}, {});
  return layer;
}

std::string erofsRemedy(const sys::SysError& error, const std::string& root) {
  const std::string what = error.what();
  switch (error.error()) {
    case EPERM:
      return what + "; run as root, not in a user namespace";
    case ENODEV:
      return what + "; this kernel has no EROFS: modprobe erofs";
    case ENOTBLK:
      return what +
             "; EROFS in files needs Linux 6.12 (CONFIG_EROFS_FS_BACKED_BY_FILE), and a root whose file "
             "system can "
             "back one (ext4, xfs and btrfs can, tmpfs cannot): " +
             root;
    default:
      return what + "; layers are kept as directories";
  }
}

struct UserNamespace {
  char uidMap[32], gidMap[32];
  int fd = -1;  // of the namespace, once it is made
};

int writeOwn(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ::write(fd, text, std::strlen(text)) < 0 ? errno : 0;
  ::close(fd);
  return error;
}

/// In the child, which is in the new namespace already: maps root to the caller, keeps the namespace by a
/// descriptor.
int keepNamespace(void* argument) {
  auto* made = static_cast<UserNamespace*>(argument);
  if (const int error = writeOwn("/proc/self/uid_map", made->uidMap)) return error;
  if (const int error = writeOwn("/proc/self/setgroups", "deny")) return error;
  if (const int error = writeOwn("/proc/self/gid_map", made->gidMap)) return error;
  made->fd = ::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
  return made->fd < 0 ? errno : 0;
}

int makeUserNamespace(UserNamespace& made) {
  std::snprintf(made.uidMap, sizeof made.uidMap, "0 %u 1", ::geteuid());
  std::snprintf(made.gidMap, sizeof made.gidMap, "0 %u 1", ::getegid());
  return inChild(CLONE_NEWUSER | CLONE_FILES, keepNamespace, &made);
}

int installFilter(void*) {
  sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog program{1, allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return errno;
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? errno : 0;
}

/// A limit above its hard value, in a process that ends with it.
int raiseLimit(void*) {
  for (const auto resource : {RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NOFILE}) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) < 0 || limit.rlim_max == RLIM_INFINITY) continue;
    ++limit.rlim_max;
    return ::setrlimit(resource, &limit) < 0 ? errno : 0;
  }
  return 0;  // nothing is limited, so nothing needs raising
}

template <typename Probe>
Finding find(const char* capability, Probe probe) {
  try {
    return {capability, probe()};
  } catch (const std::exception& error) {
    return {capability, error.what()};
  }
}

}  // namespace

std::string probeRoot() {
  if (::geteuid() != 0)
    return "this is user " + std::to_string(::geteuid()) +
           ", whose containers are in user namespaces (docs/rootless.md); for @host, id-mapped mounts and "
           "devices "
           "use sudo";
  if (!hasCapability(CAP_SYS_ADMIN))
    return "root without CAP_SYS_ADMIN, as in a container; start that one with --privileged";
  return "";
}

std::string probeOverlay(const std::string& root, bool byDescriptor) {
  try {
    if (hasCapability(CAP_SYS_ADMIN))
      mountOverlay(root, byDescriptor, false);
    else
      mountOverlayAsUser(root, byDescriptor);
    return "";
  } catch (const sys::SysError& error) {
    return overlayRemedy(error, root);
  }
}

// Not by version numbers: a tiny layer is mounted, and an overlay over it, which limits how many file systems
// may stand upon each other.
std::string probeErofs(const std::string& root) {
  try {
    const ScratchDirectory scratch(root);
    const sys::LayerRef layer = writeTinyLayer(scratch);
    runtime::Rootfs rootfs{.kind = runtime::Rootfs::Kind::overlay, .lower = {layer}};
    rootfs.upper = scratch.make("upper");
    rootfs.work = scratch.make("work");
    runtime::mountOverlay(rootfs, -1, false);
    return "";
  } catch (const sys::SysError& error) {
    return erofsRemedy(error, root);
  }
}

std::string probeUserNamespaces() {
  UserNamespace made;
  const int error = makeUserNamespace(made);
  const sys::UniqueFd fd(made.fd);
  switch (error) {
    case 0:
      return "";
    case ENOSPC:
    case EUSERS:
      return because(error) + "; raise it: sysctl -w user.max_user_namespaces=15000";
    case EPERM:
    case EACCES:
      return because(error) + "; they are forbidden here" +
             (forbiddingSysctls().empty() ? " (by an outer container's seccomp profile, or a security module)"
                                          : forbiddingSysctls());
    default:
      return because(error) + "; this kernel has no user namespaces (CONFIG_USER_NS)";
  }
}

std::string probeIdmappedMounts(const std::string& root) {
  UserNamespace made;
  if (const int error = makeUserNamespace(made)) return "user namespaces come first: " + because(error);
  const sys::UniqueFd userns(made.fd);
  try {
    const sys::UniqueFd mount = sys::cloneTree(AT_FDCWD, root, false);
    sys::idmapMount(mount.get(), userns.get(), false, root);
    return "";
  } catch (const sys::SysError& error) {
    const std::string remedy =
        error.error() == EPERM
            ? "; run as root, or with CAP_SYS_ADMIN; an ordinary user's layers need none"
            : "; the file system of " + root +
                  " does not take one (ext4, xfs and btrfs do since Linux 5.12 to 5.15, tmpfs since 6.3)";
    return error.what() + remedy;
  }
}

std::string probeSeccomp() {
  const int error = inChild(0, installFilter, nullptr);
  return error == 0
             ? ""
             : because(error) +
                   "; this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER): run with --security-opt "
                   "seccomp=unconfined, which is weaker";
}

std::string probeCgroups() {
  if (cgroup::layout() != cgroup::Layout::none && !cgroup::delegated())
    return "none is delegated to this user: no limits, no pause, no statistics of a container; start a shell "
           "in one with "
           "systemd-run --user --scope -p Delegate=yes (cgroup v2), or have root give you one "
           "(docs/rootless.md)";
  const std::string path = "strake/probe-" + std::to_string(::getpid());
  cgroup::Cgroup::create(path, {})->remove();
  return "";
}

std::string probeRaiseLimits() {
  const int error = inChild(0, raiseLimit, nullptr);
  return error == 0
             ? ""
             : because(error) + "; without CAP_SYS_RESOURCE --ulimit can lower a hard limit and not raise it";
}

std::vector<Finding> probeAll(const std::string& root) {
  return {
      find("root", probeRoot),
      find("overlay", [&] { return probeOverlay(root, false); }),
      find("overlayByFd", [&] { return probeOverlay(root, true); }),
      find("erofs", [&] { return probeErofs(root); }),
      find("userNamespaces", probeUserNamespaces),
      find("idmappedMounts", [&] { return probeIdmappedMounts(root); }),
      find("seccomp", probeSeccomp),
      find("cgroups", probeCgroups),
      find("raiseLimits", probeRaiseLimits),
  };
}

}  // namespace strake::addon
