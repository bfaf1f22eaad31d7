#pragma once
#include <string>

namespace strake::layer {

/// "sha256:<hex>" both.
struct LayerIds {
  /// Of its tar: tags the device of its index.
  std::string diffId;
  /// Of its place above the layers below: its index' uuid, for the same tar has another index above others.
  std::string chainId;
};

}  // namespace strake::layer
