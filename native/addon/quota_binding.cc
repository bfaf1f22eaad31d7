#include "addon/async.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "sys/project_quota.h"

namespace strake::addon {

namespace {

Napi::Value limitSize(const Napi::CallbackInfo& info) {
  std::vector<std::string> directories;
  const auto array = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i)
    directories.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  return async(
      info.Env(),
      [directories, bytes = whole(info, 1)] {
        sys::limitSize(directories, static_cast<uint64_t>(bytes));
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

Napi::Value forgetLimit(const Napi::CallbackInfo& info) {
  sys::forgetLimit(text(info, 0));
  return info.Env().Undefined();
}

}  // namespace

void registerQuota(Napi::Env env, Napi::Object exports) {
  exports.Set("limitSize", entry<limitSize>(env, "limitSize"));
  exports.Set("forgetLimit", entry<forgetLimit>(env, "forgetLimit"));
}

}  // namespace strake::addon
