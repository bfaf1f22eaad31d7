// Native exceptions as JavaScript errors. SysError becomes an Error with `code` ("ENOENT"), `errno`
// (negative, as in Node's own errors), `syscall` and `path`; Error becomes one with its `code`; anything else
// has ERR_SYSTEM.
#pragma once
#include <napi.h>

#include <exception>

namespace strake::addon {

/// The JavaScript error for a native exception. A pending JavaScript error (Napi::Error) is passed through.
Napi::Value toJsError(Napi::Env env, const std::exception_ptr& error);

/// Rejects with `error` if there is one, else resolves to what `value()` returns (or rejects with what it
/// throws).
template <typename Value>
void settle(Napi::Env env, const Napi::Promise::Deferred& deferred, const std::exception_ptr& error,
            Value value) {
  std::exception_ptr failure = error;
  if (!failure) {
    try {
      deferred.Resolve(value());
      return;
    } catch (...) {
      failure = std::current_exception();
    }
  }
  deferred.Reject(toJsError(env, failure));
}

/// A synchronous function of the addon: `exports.Set("x", entry<x>(env, "x"))`. Native exceptions become
/// JavaScript's.
template <Napi::Value (*Body)(const Napi::CallbackInfo&)>
Napi::Function entry(Napi::Env env, const char* name) {
  return Napi::Function::New(
      env,
      [](const Napi::CallbackInfo& info) -> Napi::Value {
        try {
          return Body(info);
        } catch (const Napi::Error&) {
          throw;
        } catch (...) {
          throw Napi::Error(info.Env(), toJsError(info.Env(), std::current_exception()));
        }
      },
      name);
}

}  // namespace strake::addon
