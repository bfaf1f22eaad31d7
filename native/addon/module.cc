// The addon's door: registers every room's functions. What they do stands in bindings/native.ts.
#include <napi.h>

#include "addon/async.h"
#include "addon/rooms.h"
#include "compress/inflater.h"
#include "hash/sha256.h"

namespace strake::addon {

namespace {

Napi::Object versions(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("strake", STRAKE_VERSION);
  object.Set("zlib", compress::zlibVersion());
  object.Set("zstd", compress::zstdVersion());
  object.Set("isal", compress::isalVersion());
  object.Set("sha256", hash::sha256Implementation());
  return object;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  EventLoop::attach(env);
  exports.Set("versions", versions(env));
  for (auto* registerRoom : {&registerLayer, &registerPack, &registerArchive, &registerCopy, &registerHash,
                             &registerFile, &registerRuntime, &registerEvents, &registerCgroup,
                             &registerUserNamespace, &registerQuota, &registerNet, &registerProbe}) {
    registerRoom(env, exports);
  }
  return exports;
}

}  // namespace

NODE_API_MODULE(strake, initialise)

}  // namespace strake::addon
