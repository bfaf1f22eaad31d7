#include <fcntl.h>

#include "addon/async.h"
#include "addon/chunk_sink.h"
#include "addon/compression.h"
#include "addon/convert.h"
#include "addon/index_object.h"
#include "addon/mount_view.h"
#include "addon/rooms.h"
#include "addon/user_namespace.h"
#include "layer/compare_trees.h"
#include "layer/complete.h"
#include "layer/diff.h"
#include "layer/entry_path.h"
#include "layer/pipeline.h"
#include "sys/error.h"
#include "sys/user_namespace.h"

namespace strake::addon {

namespace {

layer::PipelineOptions pipelineOptions(const Napi::Object& options) {
  const auto limits = options.Get("limits").As<Napi::Object>();
  const auto target = options.Get("target").As<Napi::Object>();
  const bool isStored = !options.Get("stored").IsUndefined();
  return {.partial = textOf(options, "partial"),
          .stored = isStored ? std::optional(wholeOf(options, "stored")) : std::nullopt,
          .size = wholeOf(options, "size"),
          .digest = textOf(options, "digest"),
          .diffId = textOf(options, "diffId"),
          .compression = compressionOf(textOf(options, "compression")),
          .target = optionalTextOf(target, "directory"),
          .tar = optionalTextOf(target, "tar"),
          .maxBytes = wholeOf(limits, "maxBytes"),
          .maxEntries = wholeOf(limits, "maxEntries")};
}

/// What a sink writes to. The namespace is held as long as its threads may enter it.
struct HeldPipeline {
  struct Options {
    layer::PipelineOptions pipeline;
    UserNamespace userNamespace;
  };

  explicit HeldPipeline(Options options)
      : userNamespace(std::move(options.userNamespace)), pipeline(within(options.pipeline, userNamespace)) {}

  bool offer(std::span<const uint8_t> chunk) { return pipeline.offer(chunk); }
  template <typename Call>
  void whenRoom(Call call) {
    pipeline.whenRoom(std::move(call));
  }
  void rethrowFailure() { pipeline.rethrowFailure(); }

  UserNamespace userNamespace;  // before, and so after, the pipeline
  layer::Pipeline pipeline;

 private:
  static layer::PipelineOptions within(layer::PipelineOptions options, const UserNamespace& userns) {
    options.userNamespace = descriptorOf(userns);
    return options;
  }
};

using Sink = ChunkSink<HeldPipeline>;

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
  const uint64_t entries = result.index ? result.index->entries() : result.applied.entries;
  object.Set("entries", Napi::Number::New(env, static_cast<double>(entries)));
  object.Set("bytes", Napi::Number::New(env, static_cast<double>(result.applied.bytes)));
  object.Set("tarBytes", Napi::Number::New(env, static_cast<double>(result.tarBytes)));
  object.Set("implied", toArray(env, result.applied.implied));
  object.Set("whiteouts", result.applied.whiteouts);
  object.Set("links", linkArray(env, result.applied.links));
  object.Set("index", result.index ? indexObject(env, result.index) : env.Null());
  return object;
}

Napi::Object sinkObject(Napi::Env env, const std::shared_ptr<Sink>& sink) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("offset", Napi::Number::New(env, static_cast<double>(sink->target.pipeline.offset())));
  const auto method = [&](const char* name, auto body) {
    object.Set(name, Napi::Function::New(env, body, name));
  };
  method("write", [sink](const Napi::CallbackInfo& info) { return sink->write(info.Env(), bytes(info, 0)); });
  method("finish", [sink](const Napi::CallbackInfo& info) -> Napi::Value {
    return async(
        info.Env(), Thread::own, [sink] { return sink->target.pipeline.finish(); }, resultObject);
  });
  method("abort", [sink](const Napi::CallbackInfo& info) -> Napi::Value {
    return async(info.Env(), [sink] { sink->target.pipeline.abort(); });
  });
  return object;
}

Napi::Value openLayerSink(const Napi::CallbackInfo& info) {
  return async(
      info.Env(),
      [options = HeldPipeline::Options{pipelineOptions(object(info, 0)),
                                       userNamespaceOf(object(info, 0).Get("userNamespace"))}] {
        return Sink::make(options);
      },
      sinkObject);
}

/// What finish() answered, of which completion needs the implied directories and the links.
layer::ApplyResult appliedOf(const Napi::Object& gaps) {
  layer::ApplyResult applied;
  applied.whiteouts = gaps.Get("whiteouts").ToBoolean();
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
      [target = text(info, 0), lowers = layersOf(info[1].As<Napi::Array>()),
       applied = appliedOf(object(info, 2)), userns = userNamespaceOf(info[3])] {
        return sys::asRootOf(descriptorOf(userns),
                             [&] { return layer::completeLayer(target, lowers, applied); });
      },
      [](Napi::Env env, uint64_t bytes) { return Napi::Number::New(env, static_cast<double>(bytes)); });
}

/// What both questions about an upper directory are asked with.
struct Upper {
  std::string path;
  std::optional<runtime::Rootfs> below;
  std::vector<std::string> mountPoints;
  UserNamespace userNamespace;
};

Upper upperOf(const Napi::Object& options) {
  Upper upper{.path = textOf(options, "upper"),
              .below = {},
              .mountPoints = {},
              .userNamespace = userNamespaceOf(options.Get("userNamespace"))};
  if (options.Get("below").IsObject()) upper.below = rootfsOf(options.Get("below").As<Napi::Object>());
  const auto points = options.Get("mountPoints").As<Napi::Array>();
  for (uint32_t i = 0; i < points.Length(); ++i)
    upper.mountPoints.push_back(layer::normalise(points.Get(i).As<Napi::String>().Utf8Value()));
  return upper;
}

/// Calls `body` with the upper directory open, and the layers below mounted for as long as it takes.
template <typename Body>
auto withWalk(const Upper& upper, Body body) {
  return whereMountsAreAllowed(upper.userNamespace, [&] {
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    const sys::UniqueFd top(sys::check(::open(upper.path.c_str(), flags), "open", upper.path));
    const sys::UniqueFd below = upper.below ? mountView(*upper.below) : sys::UniqueFd();
    return body(layer::UpperWalk{.upper = top.get(),
                                 .below = below.get(),
                                 .mountPoints = upper.mountPoints,
                                 .userXattrs = upper.below && upper.below->userXattrs});
  });
}

Napi::Value writeLayerDiff(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 0);
  std::optional<int64_t> latest;
  if (options.Get("latest").IsNumber()) latest = static_cast<int64_t>(wholeOf(options, "latest"));
  return async(
      info.Env(), Thread::own,
      [upper = upperOf(options), output = textOf(options, "output"), latest] {
        return withWalk(upper, [&](const layer::UpperWalk& walk) {
          return layer::writeDiffFile({.walk = walk, .latest = latest}, output);
        });
      },
      [](Napi::Env env, const layer::DiffFile& file) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("digest", Napi::String::New(env, "sha256:" + file.digest));
        result.Set("size", Napi::Number::New(env, static_cast<double>(file.size)));
        result.Set("entries", Napi::Number::New(env, static_cast<double>(file.entries)));
        return result;
      });
}

Napi::Array changeArray(Napi::Env env, const std::vector<layer::Change>& changes) {
  Napi::Array array = Napi::Array::New(env, changes.size());
  for (size_t i = 0; i < changes.size(); ++i) {
    Napi::Object change = Napi::Object::New(env);
    const bool isAdded = changes[i].kind == layer::Change::Kind::added;
    const bool isRemoved = changes[i].kind == layer::Change::Kind::removed;
    change.Set("kind", Napi::String::New(env, isAdded ? "added" : isRemoved ? "removed" : "changed"));
    change.Set("path", Napi::String::New(env, changes[i].path));
    array.Set(static_cast<uint32_t>(i), change);
  }
  return array;
}

Napi::Value listLayerChanges(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 0);
  return async(
      info.Env(), Thread::own,
      [upper = upperOf(options), limit = wholeOf(options, "limit")] {
        return withWalk(upper, [&](const layer::UpperWalk& walk) { return layer::listChanges(walk, limit); });
      },
      changeArray);
}

Napi::Value compareTrees(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), Thread::own,
      [expected = text(info, 0), actual = text(info, 1), implied = texts(info, 2),
       userns = userNamespaceOf(info[3])] {
        return sys::asRootOf(descriptorOf(userns),
                             [&] { return layer::compareTrees(expected, actual, implied); });
      },
      [](Napi::Env env, const std::optional<layer::TreeDifference>& difference) -> Napi::Value {
        if (!difference) return env.Null();
        Napi::Object result = Napi::Object::New(env);
        result.Set("path", Napi::String::New(env, difference->path));
        result.Set("what", Napi::String::New(env, difference->what));
        return result;
      });
}

}  // namespace

void registerLayer(Napi::Env env, Napi::Object exports) {
  exports.Set("openLayerSink", entry<openLayerSink>(env, "openLayerSink"));
  exports.Set("completeLayer", entry<completeLayer>(env, "completeLayer"));
  exports.Set("mountLayer", entry<mountLayer>(env, "mountLayer"));
  exports.Set("verifyLayer", entry<verifyLayer>(env, "verifyLayer"));
  exports.Set("compareTrees", entry<compareTrees>(env, "compareTrees"));
  exports.Set("writeLayerDiff", entry<writeLayerDiff>(env, "writeLayerDiff"));
  exports.Set("listLayerChanges", entry<listLayerChanges>(env, "listLayerChanges"));
}

}  // namespace strake::addon
