#include "addon/index_object.h"

#include "addon/async.h"
#include "addon/convert.h"
#include "addon/freeing.h"
#include "addon/mount_view.h"

namespace strake::addon {

namespace {

Napi::Object writtenObject(Napi::Env env, const layer::LayerIndex::Written& written) {
  Napi::Object root = Napi::Object::New(env);
  root.Set("mode", Napi::Number::New(env, written.mode));
  root.Set("uid", Napi::Number::New(env, written.uid));
  root.Set("gid", Napi::Number::New(env, written.gid));
  Napi::Object object = Napi::Object::New(env);
  object.Set("size", Napi::Number::New(env, static_cast<double>(written.size)));
  object.Set("root", root);
  return object;
}

layer::LayerIds idsOf(const Napi::Object& options) {
  return {textOf(options, "diffId"), textOf(options, "chainId")};
}

}  // namespace

Napi::Object indexObject(Napi::Env env, std::shared_ptr<layer::LayerIndex> index) {
  // What was read is let go with the first write: not when JavaScript's garbage is collected.
  const auto held = std::make_shared<std::shared_ptr<layer::LayerIndex>>(std::move(index));
  Napi::Object object = Napi::Object::New(env);
  const auto write = [held](const Napi::CallbackInfo& info) -> Napi::Value {
    const Napi::Object options = strake::addon::object(info, 0);
    auto taken = std::exchange(*held, nullptr);
    if (!taken) throw Napi::TypeError::New(info.Env(), "an index is written once");
    return async(
        info.Env(), Thread::own,
        [index = std::move(taken), path = textOf(options, "index"), tar = textOf(options, "tar"),
         ids = idsOf(options), lowers = layersOf(options.Get("lowers").As<Napi::Array>())]() mutable {
          const auto written = index->write(path, tar, ids, lowers);
          index.reset();
          return written;
        },
        writtenObject);
  };
  object.Set("write", Napi::Function::New(env, write, "write"));
  return object;
}

// 50 to 150 us, and a start waits for it: on the event loop. What is not closed goes with the object, at the
// latest with the environment: a worker that is terminated leaves no mount behind.
Napi::Value mountLayer(const Napi::CallbackInfo& info) {
  const auto mount =
      std::make_shared<sys::UniqueFd>(sys::openLayer({.index = text(info, 0), .tar = text(info, 1)}));
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("fd", Napi::Number::New(info.Env(), mount->get()));
  // Unmounting waits for all processors, and frees what is cached.
  const auto close = [mount](const Napi::CallbackInfo&) {
    std::vector<sys::UniqueFd> closing;
    closing.push_back(std::move(*mount));
    closeLater(std::move(closing));
  };
  object.Set("close", Napi::Function::New(info.Env(), close, "close"));
  return object;
}

Napi::Value verifyLayer(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 0);
  return async(
      info.Env(), Thread::own,
      [layer = sys::LayerRef{.index = textOf(options, "index"), .tar = textOf(options, "tar")},
       ids = idsOf(options), lowers = layersOf(options.Get("lowers").As<Napi::Array>()),
       scratch = textOf(options, "scratch")] { return layer::verifyLayer(layer, ids, lowers, scratch); },
      [](Napi::Env env, const std::string& wrong) -> Napi::Value {
        return wrong.empty() ? env.Null() : Napi::String::New(env, wrong).As<Napi::Value>();
      });
}

}  // namespace strake::addon
