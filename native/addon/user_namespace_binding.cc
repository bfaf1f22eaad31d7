#include <sys/stat.h>
#include <unistd.h>

#include "addon/async.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "addon/user_namespace.h"
#include "sys/error.h"
#include "sys/user_namespace.h"

namespace strake::addon {

namespace {

constexpr napi_type_tag userNamespaceTag = {0x5f0c2a6be1d94b0fULL, 0x9a3d71c48be2f065ULL};

std::vector<sys::IdMap> mapsOf(const Napi::Object& map, const char* key) {
  const auto list = map.Get(key).As<Napi::Array>();
  std::vector<sys::IdMap> maps;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const auto one = list.Get(i).As<Napi::Object>();
    maps.push_back({static_cast<uint32_t>(wholeOf(one, "containerID")),
                    static_cast<uint32_t>(wholeOf(one, "hostID")),
                    static_cast<uint32_t>(wholeOf(one, "size"))});
  }
  return maps;
}

Napi::Value toJs(Napi::Env env, sys::UniqueFd fd) {
  auto held = std::make_unique<UserNamespace>(std::make_shared<const sys::UniqueFd>(std::move(fd)));
  auto external = Napi::External<UserNamespace>::New(env, held.release(),
                                                     [](Napi::Env, UserNamespace* gone) { delete gone; });
  external.TypeTag(&userNamespaceTag);
  return external;
}

Napi::Value makeUserNamespace(const Napi::CallbackInfo& info) {
  const Napi::Object map = object(info, 0);
  return async(
      info.Env(),
      [uids = mapsOf(map, "uids"), gids = mapsOf(map, "gids")] { return sys::makeUserNamespace(uids, gids); },
      toJs);
}

Napi::Value setOwner(const Napi::CallbackInfo& info) {
  return async(info.Env(), [path = text(info, 0), uid = static_cast<uid_t>(whole(info, 1)),
                            gid = static_cast<gid_t>(whole(info, 2)), userns = userNamespaceOf(info[3])] {
    sys::asRootOf(descriptorOf(userns), [&] { sys::check(::lchown(path.c_str(), uid, gid), "chown", path); });
  });
}

}  // namespace

UserNamespace userNamespaceOf(const Napi::Value& value) {
  if (value.IsNull() || value.IsUndefined()) return nullptr;
  if (value.IsExternal()) {
    const auto external = value.As<Napi::External<UserNamespace>>();
    if (external.CheckTypeTag(&userNamespaceTag)) return *external.Data();
  }
  throw Napi::TypeError::New(value.Env(), "a user namespace is what makeUserNamespace() answers");
}

void registerUserNamespace(Napi::Env env, Napi::Object exports) {
  exports.Set("makeUserNamespace", entry<makeUserNamespace>(env, "makeUserNamespace"));
  exports.Set("setOwner", entry<setOwner>(env, "setOwner"));
}

}  // namespace strake::addon
