#include "addon/mount_view.h"

#include <fcntl.h>
#include <unistd.h>

#include "addon/convert.h"
#include "runtime/overlay.h"
#include "sys/error.h"

namespace strake::addon {

namespace {

/// A mount that this process holds already (`held` of lib/mount's ErofsLayer), for as long as it is needed.
std::shared_ptr<const sys::UniqueFd> heldMount(const Napi::Object& layer) {
  if (!layer.Get("held").IsObject()) return nullptr;
  const auto held = layer.Get("held").As<Napi::Object>();
  if (held.Get("pid").As<Napi::Number>().Int32Value() != ::getpid()) return nullptr;
  const int fd = held.Get("fd").As<Napi::Number>().Int32Value();
  return std::make_shared<const sys::UniqueFd>(sys::check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl"));
}

}  // namespace

std::vector<sys::LayerRef> layersOf(const Napi::Array& array) {
  std::vector<sys::LayerRef> layers;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto layer = array.Get(i).As<Napi::Object>();
    layers.push_back({optionalTextOf(layer, "directory"), optionalTextOf(layer, "index"),
                      optionalTextOf(layer, "tar"), heldMount(layer)});
  }
  return layers;
}

runtime::Rootfs rootfsOf(const Napi::Object& mount) {
  runtime::Rootfs rootfs;
  if (textOf(mount, "type") == "directory") {
    rootfs.directory = textOf(mount, "path");
    return rootfs;
  }
  rootfs.kind = runtime::Rootfs::Kind::overlay;
  rootfs.lower = layersOf(mount.Get("lower").As<Napi::Array>());
  rootfs.upper = optionalTextOf(mount, "upper");
  rootfs.work = optionalTextOf(mount, "work");
  rootfs.userXattrs = mount.Get("userxattr").ToBoolean();
  return rootfs;
}

sys::UniqueFd mountView(const runtime::Rootfs& rootfs) {
  if (rootfs.kind == runtime::Rootfs::Kind::overlay) return runtime::mountOverlay(rootfs, -1, false);
  const char* path = rootfs.directory.c_str();
  return sys::UniqueFd(sys::check(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

}  // namespace strake::addon
