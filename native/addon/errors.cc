#include "addon/errors.h"

#include "sys/errno_name.h"
#include "sys/error.h"

namespace strake::addon {

namespace {

Napi::Value makeError(Napi::Env env, const char* code, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error.Value();
}

Napi::Value fromSysError(Napi::Env env, const sys::SysError& failure) {
  Napi::Object error = makeError(env, sys::errnoName(failure.error()), failure.what()).As<Napi::Object>();
  error.Set("errno", Napi::Number::New(env, -failure.error()));
  error.Set("syscall", Napi::String::New(env, failure.call()));
  if (!failure.path().empty()) error.Set("path", Napi::String::New(env, failure.path()));
  return error;
}

}  // namespace

Napi::Value toJsError(Napi::Env env, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Napi::Error& passed) {
    return passed.Value();
  } catch (const sys::SysError& failure) {
    return fromSysError(env, failure);
  } catch (const sys::Error& failure) {
    return makeError(env, failure.code().c_str(), failure.what());
  } catch (const std::exception& failure) {
    return makeError(env, "ERR_SYSTEM", failure.what());
  } catch (...) {
    return makeError(env, "ERR_SYSTEM", "unknown native failure");
  }
}

}  // namespace strake::addon
