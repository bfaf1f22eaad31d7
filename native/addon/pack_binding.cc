#include "addon/async.h"
#include "addon/chunk_sink.h"
#include "addon/compression.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "layer/packer.h"

namespace strake::addon {

namespace {

using Sink = ChunkSink<layer::Packer>;

uint64_t optionalWholeOf(const Napi::Object& options, const char* key) {
  return options.Has(key) ? wholeOf(options, key) : 0;
}

layer::PackOptions packOptions(const Napi::Object& options) {
  const auto compression = compressionOf(textOf(options, "compression"));
  return {.output = textOf(options, "output"),
          .compression = {.compression = compression,
                          .level = static_cast<int>(optionalWholeOf(options, "level")),
                          .threads = static_cast<unsigned>(optionalWholeOf(options, "threads"))},
          .input = options.Has("input") ? textOf(options, "input") : "",
          .inputCompression =
              compressionOf(options.Has("inputCompression") ? textOf(options, "inputCompression") : "none")};
}

Napi::Object resultObject(Napi::Env env, const layer::PackResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("diffId", result.diffId);
  object.Set("digest", result.digest);
  object.Set("tarBytes", Napi::Number::New(env, static_cast<double>(result.tarBytes)));
  object.Set("size", Napi::Number::New(env, static_cast<double>(result.size)));
  return object;
}

Napi::Object packerObject(Napi::Env env, const std::shared_ptr<Sink>& sink) {
  Napi::Object object = Napi::Object::New(env);
  const auto method = [&](const char* name, auto body) {
    object.Set(name, Napi::Function::New(env, body, name));
  };
  method("write", [sink](const Napi::CallbackInfo& info) { return sink->write(info.Env(), bytes(info, 0)); });
  method("finish", [sink](const Napi::CallbackInfo& info) -> Napi::Value {
    return async(
        info.Env(), Thread::own, [sink] { return sink->target.finish(); }, resultObject);
  });
  method("abort", [sink](const Napi::CallbackInfo& info) -> Napi::Value {
    return async(info.Env(), [sink] { sink->target.abort(); });
  });
  return object;
}

Napi::Value openPacker(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), [options = packOptions(object(info, 0))] { return Sink::make(options); }, packerObject);
}

}  // namespace

void registerPack(Napi::Env env, Napi::Object exports) {
  exports.Set("openPacker", entry<openPacker>(env, "openPacker"));
}

}  // namespace strake::addon
