// One registration per sibling room. Each *_binding.cc defines its own and sets the functions of
// bindings/native.ts that stand below its name there.
#pragma once
#include <napi.h>

namespace strake::addon {

void registerLayer(Napi::Env env, Napi::Object exports);
void registerPack(Napi::Env env, Napi::Object exports);
void registerArchive(Napi::Env env, Napi::Object exports);
void registerCopy(Napi::Env env, Napi::Object exports);
void registerHash(Napi::Env env, Napi::Object exports);
void registerFile(Napi::Env env, Napi::Object exports);
void registerRuntime(Napi::Env env, Napi::Object exports);
void registerEvents(Napi::Env env, Napi::Object exports);
void registerCgroup(Napi::Env env, Napi::Object exports);
void registerUserNamespace(Napi::Env env, Napi::Object exports);
void registerNet(Napi::Env env, Napi::Object exports);
void registerQuota(Napi::Env env, Napi::Object exports);
void registerProbe(Napi::Env env, Napi::Object exports);

}  // namespace strake::addon
