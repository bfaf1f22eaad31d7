// User namespaces as JavaScript holds them: whose root files are made and removed as.
#pragma once
#include <napi.h>

#include <memory>

#include "sys/unique_fd.h"

namespace strake::addon {

/// Shared by the object and by the work that it was given to.
using UserNamespace = std::shared_ptr<const sys::UniqueFd>;

/// The argument at `index`, or the one that `value` is; null or undefined: none, the process itself. Throws
/// TypeError for anything else.
UserNamespace userNamespaceOf(const Napi::Value& value);

/// For sys::asRootOf: -1 without one.
inline int descriptorOf(const UserNamespace& userns) {
  return userns ? userns->get() : -1;
}

}  // namespace strake::addon
