#include "addon/async.h"
#include "addon/convert.h"
#include "addon/probe.h"
#include "addon/rooms.h"

namespace strake::addon {

namespace {

Napi::Value toObject(Napi::Env env, const std::vector<Finding>& findings) {
  Napi::Object all = Napi::Object::New(env);
  for (const Finding& finding : findings) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("ok", Napi::Boolean::New(env, finding.reason.empty()));
    if (!finding.reason.empty()) one.Set("reason", Napi::String::New(env, finding.reason));
    all.Set(finding.capability, one);
  }
  return all;
}

Napi::Value probe(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), [root = text(info, 0)] { return probeAll(root); }, toObject);
}

/// One question alone: it is asked before the first layer is kept.
Napi::Value probeErofsAlone(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), probeErofs(text(info, 0)));
}

}  // namespace

void registerProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("probe", entry<probe>(env, "probe"));
  exports.Set("probeErofs", entry<probeErofsAlone>(env, "probeErofs"));
}

}  // namespace strake::addon
