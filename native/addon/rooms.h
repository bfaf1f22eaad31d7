// One registration per sibling room. Each *_binding.cc defines its own and sets the functions of
// bindings/native.ts that stand below its name there.
#pragma once
#include <napi.h>

namespace strake::addon {

void registerFile(Napi::Env env, Napi::Object exports);
// Weak until their bindings exist.
[[gnu::weak]] void registerLayer(Napi::Env env, Napi::Object exports);
[[gnu::weak]] void registerHash(Napi::Env env, Napi::Object exports);
[[gnu::weak]] void registerRuntime(Napi::Env env, Napi::Object exports);
[[gnu::weak]] void registerCgroup(Napi::Env env, Napi::Object exports);
[[gnu::weak]] void registerProbe(Napi::Env env, Napi::Object exports);

}  // namespace strake::addon
