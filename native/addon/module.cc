// The addon's door: registers every room's functions. What they do stands in bindings/native.ts.
#include <napi.h>

#include "addon/async.h"
#include "addon/rooms.h"

namespace strake::addon {

namespace {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  EventLoop::attach(env);
  for (auto* registerRoom :
       {&registerLayer, &registerHash, &registerFile, &registerRuntime, &registerCgroup, &registerProbe}) {
    if (registerRoom != nullptr) registerRoom(env, exports);
  }
  return exports;
}

}  // namespace

NODE_API_MODULE(strake, initialise)

}  // namespace strake::addon
