#include "addon/async.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "addon/user_namespace.h"
#include "layer/complete.h"
#include "layer/pipeline.h"
#include "sys/error.h"
#include "sys/user_namespace.h"

namespace strake::addon {

namespace {

compress::Compression compressionOf(const std::string& name) {
  if (name == "gzip") return compress::Compression::gzip;
  if (name == "zstd") return compress::Compression::zstd;
  if (name == "none") return compress::Compression::none;
  throw sys::Error("ERR_INVALID_ARGUMENT", "compression is one of gzip, zstd and none, not " + name);
}

layer::PipelineOptions pipelineOptions(const Napi::Object& options) {
  const auto limits = options.Get("limits").As<Napi::Object>();
  return {.partial = textOf(options, "partial"),
          .size = wholeOf(options, "size"),
          .digest = textOf(options, "digest"),
          .diffId = textOf(options, "diffId"),
          .compression = compressionOf(textOf(options, "compression")),
          .target = textOf(options, "target"),
          .maxBytes = wholeOf(limits, "maxBytes"),
          .maxEntries = wholeOf(limits, "maxEntries")};
}

/// A pipeline as JavaScript holds it. What waits for room is settled on the event loop, in order.
class Sink : public std::enable_shared_from_this<Sink> {
 public:
  Sink(layer::PipelineOptions options, UserNamespace held)
      : userNamespace(std::move(held)), pipeline(std::move(options)) {}

  Napi::Value write(Napi::Env env, std::span<const uint8_t> chunk) {
    auto deferred = Napi::Promise::Deferred::New(env);
    std::exception_ptr failure;
    bool room = false;
    try {
      room = pipeline.offer(chunk);
    } catch (...) {
      failure = std::current_exception();
    }
    if (room || failure) {
      settle(env, deferred, failure, [env] { return env.Undefined(); });
    } else {
      waiting_.push_back(deferred);
      if (waiting_.size() == 1) awaitRoom(env);
    }
    return deferred.Promise();
  }

  UserNamespace userNamespace;  // before, and so after, the pipeline whose threads enter it
  layer::Pipeline pipeline;

 private:
  void awaitRoom(Napi::Env env) {
    EventLoop& loop = EventLoop::of(env);
    loop.expect();
    pipeline.whenRoom([&loop, self = shared_from_this()] {
      loop.deliver(Settle([self](Napi::Env inner) { self->settleWaiting(inner); }));
    });
  }

  void settleWaiting(Napi::Env env) {
    std::exception_ptr failure;
    try {
      pipeline.rethrowFailure();
    } catch (...) {
      failure = std::current_exception();
    }
    for (const auto& deferred : std::exchange(waiting_, {})) {
      settle(env, deferred, failure, [env] { return env.Undefined(); });
    }
  }

  std::vector<Napi::Promise::Deferred> waiting_;
};

/// The last owner may be the garbage collector, on the event loop: the threads are waited for elsewhere.
std::shared_ptr<Sink> makeSink(layer::PipelineOptions options, UserNamespace userns) {
  options.userNamespace = descriptorOf(userns);
  return {new Sink(std::move(options), std::move(userns)),
          [](Sink* sink) { run(Thread::shared, Task([sink] { delete sink; })); }};
}

Napi::Array linkArray(Napi::Env env, const std::vector<layer::LowerLink>& links) {
  Napi::Array array = Napi::Array::New(env, links.size());
  for (size_t i = 0; i < links.size(); ++i) {
    Napi::Object link = Napi::Object::New(env);
    link.Set("path", Napi::String::New(env, links[i].path));
    link.Set("target", Napi::String::New(env, links[i].target));
    array.Set(static_cast<uint32_t>(i), link);
  }
  return array;
}

Napi::Object resultObject(Napi::Env env, const layer::PipelineResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("entries", Napi::Number::New(env, static_cast<double>(result.applied.entries)));
  object.Set("bytes", Napi::Number::New(env, static_cast<double>(result.applied.bytes)));
  object.Set("tarBytes", Napi::Number::New(env, static_cast<double>(result.tarBytes)));
  object.Set("implied", toArray(env, result.applied.implied));
  object.Set("links", linkArray(env, result.applied.links));
  return object;
}

Napi::Object sinkObject(Napi::Env env, const std::shared_ptr<Sink>& sink) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("offset", Napi::Number::New(env, static_cast<double>(sink->pipeline.offset())));
  const auto method = [&](const char* name, auto body) {
    object.Set(name, Napi::Function::New(env, body, name));
  };
  method("write", [sink](const Napi::CallbackInfo& info) { return sink->write(info.Env(), bytes(info, 0)); });
  method("finish", [sink](const Napi::CallbackInfo& info) -> Napi::Value {
    return async(
        info.Env(), Thread::own, [sink] { return sink->pipeline.finish(); }, resultObject);
  });
  method("abort", [sink](const Napi::CallbackInfo& info) -> Napi::Value {
    return async(info.Env(), [sink] { sink->pipeline.abort(); });
  });
  return object;
}

Napi::Value openLayerSink(const Napi::CallbackInfo& info) {
  return async(
      info.Env(),
      [options = pipelineOptions(object(info, 0)),
       userns = userNamespaceOf(object(info, 0).Get("userNamespace"))] { return makeSink(options, userns); },
      sinkObject);
}

/// What finish() answered, of which completion needs the implied directories and the links.
layer::ApplyResult appliedOf(const Napi::Object& gaps) {
  layer::ApplyResult applied;
  const auto implied = gaps.Get("implied").As<Napi::Array>();
  for (uint32_t i = 0; i < implied.Length(); ++i)
    applied.implied.push_back(implied.Get(i).As<Napi::String>().Utf8Value());
  const auto links = gaps.Get("links").As<Napi::Array>();
  for (uint32_t i = 0; i < links.Length(); ++i) {
    const auto link = links.Get(i).As<Napi::Object>();
    applied.links.push_back({textOf(link, "path"), textOf(link, "target")});
  }
  return applied;
}

Napi::Value completeLayer(const Napi::CallbackInfo& info) {
  return async(
      info.Env(),
      [target = text(info, 0), lowers = texts(info, 1), applied = appliedOf(object(info, 2)),
       userns = userNamespaceOf(info[3])] {
        return sys::asRootOf(descriptorOf(userns),
                             [&] { return layer::completeLayer(target, lowers, applied); });
      },
      [](Napi::Env env, uint64_t bytes) { return Napi::Number::New(env, static_cast<double>(bytes)); });
}

}  // namespace

void registerLayer(Napi::Env env, Napi::Object exports) {
  exports.Set("openLayerSink", entry<openLayerSink>(env, "openLayerSink"));
  exports.Set("completeLayer", entry<completeLayer>(env, "completeLayer"));
}

}  // namespace strake::addon
