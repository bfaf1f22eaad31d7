#include "runtime/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "runtime/namespaces.h"
#include "runtime/rootfs.h"
#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

/// What the overlay is made of, all by descriptor.
struct Layers {
  std::vector<sys::UniqueFd> lower;
  sys::UniqueFd upperMount;  // keeps an idmapped upper and work on one mount, as overlayfs demands
  sys::UniqueFd upper, work;
};

sys::UniqueFd openDirectory(int dirfd, const std::string& path) {
  return sys::UniqueFd(
      sys::check(openat(dirfd, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

sys::UniqueFd openMapped(const std::string& path, int idmapUserns) {
  if (idmapUserns < 0) return openDirectory(AT_FDCWD, path);
  sys::UniqueFd mount = sys::cloneTree(AT_FDCWD, path, false);
  sys::idmapMount(mount.get(), idmapUserns, false, path);
  return mount;
}

/// An EROFS layer is a mount of its own already.
sys::UniqueFd openLower(const sys::LayerRef& layer, int idmapUserns) {
  if (!layer.isErofs()) return openMapped(layer.directory, idmapUserns);
  sys::UniqueFd mount = sys::openLayer(layer);
  if (idmapUserns < 0) return mount;
  if (layer.mount) mount = sys::cloneTree(mount.get(), "", false);  // others see it as it is
  sys::idmapMount(mount.get(), idmapUserns, false, layer.index);
  return mount;
}

/// The directory that `upper` and `work` have in common, and their names below it.
std::string commonParent(const Rootfs& rootfs) {
  std::string parent = sys::splitPath(rootfs.upper).first;
  if (parent != sys::splitPath(rootfs.work).first)
    throw sys::Error("ERR_SPEC_INVALID", "overlay: upper and work must be in one directory: " + rootfs.upper +
                                             ", " + rootfs.work);
  return parent;
}

// A volatile overlay leaves incompat/volatile/dirty in its work directory, and while it is there the kernel
// refuses the upper directory. Who mounts it again says by that that the contents are still wanted.
void forgetVolatile(int work) {
  sys::UniqueFd inner(openat(work, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inner) return;
  if (unlinkat(inner.get(), "incompat/volatile/dirty", 0) < 0 && errno == ENOENT) return;
  sys::check(unlinkat(inner.get(), "incompat/volatile", AT_REMOVEDIR), "rmdir", "work/incompat/volatile");
  sys::check(unlinkat(inner.get(), "incompat", AT_REMOVEDIR), "rmdir", "work/incompat");
}

Layers openLayers(const Rootfs& rootfs, int idmapUserns) {
  Layers layers;
  for (const sys::LayerRef& layer : rootfs.lower) layers.lower.push_back(openLower(layer, idmapUserns));
  if (rootfs.upper.empty()) return layers;
  std::string parent = commonParent(rootfs);
  layers.upperMount = openMapped(parent, idmapUserns);
  layers.upper = openDirectory(layers.upperMount.get(), sys::splitPath(rootfs.upper).second);
  layers.work = openDirectory(layers.upperMount.get(), sys::splitPath(rootfs.work).second);
  forgetVolatile(layers.work.get());
  return layers;
}

std::string fdPath(const sys::UniqueFd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

std::string joinedLower(const Layers& layers) {
  std::string joined;
  for (const sys::UniqueFd& lower : layers.lower) joined += (joined.empty() ? "" : ":") + fdPath(lower);
  return joined;
}

/// Descriptors straight into overlayfs: Linux 6.13. False where they are not taken.
bool addByDescriptor(sys::FsContext& overlay, const Layers& layers) {
  for (const sys::UniqueFd& lower : layers.lower)
    if (!overlay.setFd("lowerdir+", lower.get())) return false;
  if (!layers.upper) return true;
  return overlay.setFd("upperdir", layers.upper.get()) && overlay.setFd("workdir", layers.work.get());
}

/// Names of descriptors need no escaping of ':' and ','. One layer at a time: Linux 6.5; all of them in one
/// string of at most 255 bytes: before, where options are text that nobody reads until the mount is made.
bool addByName(sys::FsContext& overlay, const Layers& layers, bool textOnly) {
  bool oneByOne = !textOnly && overlay.trySet("lowerdir+", fdPath(layers.lower.front()));
  for (size_t n = 1; oneByOne && n < layers.lower.size(); ++n)
    overlay.set("lowerdir+", fdPath(layers.lower[n]));
  if (!oneByOne && !overlay.trySet("lowerdir", joinedLower(layers))) return false;
  if (!layers.upper) return true;
  return overlay.trySet("upperdir", fdPath(layers.upper)) && overlay.trySet("workdir", fdPath(layers.work));
}

/// mount(2) takes a page of options, some 250 layers, but attaches at once: over "/", where "/.." finds it.
/// Only in a mount namespace of the caller's own.
sys::UniqueFd mountByPage(const Rootfs& rootfs, const Layers& layers) {
  std::string data = "lowerdir=" + joinedLower(layers);
  if (layers.upper) data += ",upperdir=" + fdPath(layers.upper) + ",workdir=" + fdPath(layers.work);
  if (rootfs.isVolatile && layers.upper) data += ",volatile";
  if (rootfs.userXattrs) data += ",userxattr";
  sys::mountAt("overlay", "/", data);
  sys::UniqueFd tree = sys::cloneTree(AT_FDCWD, "/..", false);
  sys::check(sys::detachMount("/.."), "umount", "overlay");
  return tree;
}

sys::UniqueFd finish(sys::FsContext& overlay, const Rootfs& rootfs) {
  overlay.set("source", "overlay");
  if (rootfs.isVolatile && !rootfs.upper.empty()) overlay.flag("volatile");
  if (rootfs.userXattrs) overlay.flag("userxattr");
  try {
    return overlay.mount(0);
  } catch (const sys::SysError& error) {
    if (error.error() != EINVAL || !rootfs.userXattrs) throw;
    throw sys::Error(
        "ERR_OVERLAY_UNAVAILABLE",
        std::string(error.what()) +
            "; an ordinary user's layers can have no mounts below them (as / has: @host is root's), and "
            "must be on a file system that overlayfs takes (not NFS; choose another --root)");
  }
}

sys::FsContext openOverlay() {
  try {
    return sys::FsContext("overlay");
  } catch (const sys::SysError& error) {
    throw sys::Error("ERR_OVERLAY_UNAVAILABLE", std::string("this kernel has no overlay file system (") +
                                                    error.what() + "); load it with `modprobe overlay`");
  }
}

/// By descriptor or by name; none where this kernel takes neither.
sys::UniqueFd mountDetached(const Rootfs& rootfs, const Layers& layers) {
  sys::FsContext modern = openOverlay();
  if (addByDescriptor(modern, layers)) return finish(modern, rootfs);
  sys::FsContext named = openOverlay();
  if (addByName(named, layers, modern.textOnly())) return finish(named, rootfs);
  return {};
}

/// Before Linux 6.15 a layer must be attached in the mount namespace of the one who mounts (EINVAL): that is
/// then a namespace of our own, for the time being.
sys::UniqueFd mountIdmapped(const Rootfs& rootfs, const Layers& layers) {
  try {
    if (sys::UniqueFd tree = mountDetached(rootfs, layers)) return tree;
  } catch (const sys::SysError& error) {
    if (error.error() != EINVAL) throw;
  }
  PrivateMounts own;
  for (const sys::UniqueFd& lower : layers.lower) attachRootfs(lower.get());
  if (layers.upperMount) attachRootfs(layers.upperMount.get());
  if (sys::UniqueFd tree = mountDetached(rootfs, layers)) return tree;
  return mountByPage(rootfs, layers);
}

/// overlayfs wants two layers or an upper one: a read-only view of one layer is that layer.
sys::UniqueFd mountSingleLayer(const Rootfs& rootfs, int idmapUserns) {
  const sys::LayerRef& layer = rootfs.lower.front();
  if (layer.isErofs()) return openLower(layer, idmapUserns);
  sys::UniqueFd mount = sys::cloneTree(AT_FDCWD, layer.directory, false);
  if (idmapUserns >= 0) sys::idmapMount(mount.get(), idmapUserns, false, layer.directory);
  sys::changeMount(mount.get(), MOUNT_ATTR_RDONLY, 0, 0, false, layer.directory);
  return mount;
}

}  // namespace

sys::UniqueFd mountOverlay(const Rootfs& rootfs, int idmapUserns, bool mayAttach) {
  if (rootfs.lower.empty()) throw sys::Error("ERR_SPEC_INVALID", "overlay: no lower directory");
  if (rootfs.upper.empty() && rootfs.lower.size() == 1) return mountSingleLayer(rootfs, idmapUserns);
  Layers layers = openLayers(rootfs, idmapUserns);
  if (idmapUserns >= 0) return mountIdmapped(rootfs, layers);
  if (sys::UniqueFd tree = mountDetached(rootfs, layers)) return tree;
  if (mayAttach) return mountByPage(rootfs, layers);
  throw sys::Error("ERR_OVERLAY_UNAVAILABLE", "an overlay of " + std::to_string(layers.lower.size()) +
                                                  " layers that nothing may be attached for needs Linux 6.5");
}

}  // namespace strake::runtime
