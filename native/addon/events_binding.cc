#include "addon/convert.h"
#include "addon/errors.h"
#include "addon/rooms.h"
#include "events/journal.h"

namespace strake::addon {

namespace {

Napi::Value appendEvent(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), events::append(text(info, 0), text(info, 1)));
}

}  // namespace

void registerEvents(Napi::Env env, Napi::Object exports) {
  exports.Set("appendEvent", entry<appendEvent>(env, "appendEvent"));
}

}  // namespace strake::addon
