#include "addon/mount_view.h"

#include <fcntl.h>

#include "addon/convert.h"
#include "runtime/overlay.h"
#include "sys/error.h"

namespace strake::addon {

namespace {

std::string optionalText(const Napi::Object& object, const char* key) {
  return object.Get(key).IsUndefined() ? std::string() : textOf(object, key);
}

}  // namespace

runtime::Rootfs rootfsOf(const Napi::Object& mount) {
  runtime::Rootfs rootfs;
  if (textOf(mount, "type") == "directory") {
    rootfs.directory = textOf(mount, "path");
    return rootfs;
  }
  rootfs.kind = runtime::Rootfs::Kind::overlay;
  const auto lower = mount.Get("lower").As<Napi::Array>();
  for (uint32_t i = 0; i < lower.Length(); ++i)
    rootfs.lower.push_back(lower.Get(i).As<Napi::String>().Utf8Value());
  rootfs.upper = optionalText(mount, "upper");
  rootfs.work = optionalText(mount, "work");
  return rootfs;
}

sys::UniqueFd mountView(const runtime::Rootfs& rootfs) {
  if (rootfs.kind == runtime::Rootfs::Kind::overlay) return runtime::mountOverlay(rootfs, -1, false);
  const char* path = rootfs.directory.c_str();
  return sys::UniqueFd(sys::check(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

}  // namespace strake::addon
