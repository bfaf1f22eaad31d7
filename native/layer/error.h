// What is wrong with a layer, by code.
#pragma once
#include <string>
#include <string_view>

#include "sys/error.h"

namespace strake::layer {

/// The archive contradicts itself or its format.
[[noreturn]] inline void corrupt(const std::string& what) {
  throw sys::Error("ERR_LAYER_CORRUPT", what);
}

/// The archive is well-formed and asks for something outside its own tree.
[[noreturn]] inline void unsafe(const std::string& what) {
  throw sys::Error("ERR_LAYER_UNSAFE", what);
}

[[noreturn]] inline void tooLarge(const std::string& what) {
  throw sys::Error("ERR_LAYER_TOO_LARGE", what);
}

/// A name as it goes into a message: quoted, control characters escaped, at most 200 bytes.
std::string quoted(std::string_view name);

}  // namespace strake::layer
