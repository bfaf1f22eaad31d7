// A layer's index as JavaScript holds it, between the reading of its tar and the layers below being known.
#pragma once
#include <napi.h>

#include <memory>

#include "layer/erofs_index.h"

namespace strake::addon {

/// NativeLayerIndex of bindings/native.ts.
Napi::Object indexObject(Napi::Env env, std::shared_ptr<layer::LayerIndex> index);

/// NativeAddon.mountLayer.
Napi::Value mountLayer(const Napi::CallbackInfo& info);

/// NativeAddon.verifyLayer.
Napi::Value verifyLayer(const Napi::CallbackInfo& info);

}  // namespace strake::addon
