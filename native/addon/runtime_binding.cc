#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "addon/async.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "addon/spare_monitor.h"
#include "addon/spawn.h"
#include "sys/error.h"
#include "sys/process.h"

namespace strake::addon {

namespace {

Napi::Value toJsSpawned(Napi::Env env, Spawned spawned) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("pid", Napi::Number::New(env, spawned.pid));
  result.Set("fd", Napi::Number::New(env, spawned.socket.release()));
  return result;
}

Napi::Value spawnMonitor(const Napi::CallbackInfo& info) {
  const std::string program = text(info, 0);
  std::vector<std::string> arguments = texts(info, 1), environment = texts(info, 2);
  if (std::optional<Spawned> spare = takeSpare(program, arguments, environment)) {
    auto deferred = Napi::Promise::Deferred::New(info.Env());
    deferred.Resolve(toJsSpawned(info.Env(), std::move(*spare)));
    return deferred.Promise();
  }
  return async(
      info.Env(),
      [program, arguments = std::move(arguments), environment = std::move(environment)] {
        return spawnDetached(program, arguments, environment);
      },
      toJsSpawned);
}

Napi::Value prepareMonitor(const Napi::CallbackInfo& info) {
  run(Thread::shared, Task([program = text(info, 0)] { keepSpare(program); }));
  return info.Env().Undefined();
}

/// The address of a socket whatever the length of its path: sun_path has 108 bytes, but
/// "/proc/self/fd/N/name" is short.
sockaddr_un addressOf(int directory, const std::string& name, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int length =
      snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, name.c_str());
  if (length >= static_cast<int>(sizeof address.sun_path)) throw sys::SysError(ENAMETOOLONG, "connect", path);
  return address;
}

sys::UniqueFd connectTo(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const sys::UniqueFd directory(
      sys::check(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", parent));
  const sockaddr_un address =
      addressOf(directory.get(), slash == std::string::npos ? path : path.substr(slash + 1), path);
  sys::UniqueFd socket(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sys::check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect",
             path);
  return socket;
}

Napi::Value connectUnix(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), [path = text(info, 0)] { return connectTo(path); },
      [](Napi::Env env, sys::UniqueFd socket) { return Napi::Number::New(env, socket.release()); });
}

Napi::Value signalProcess(const Napi::CallbackInfo& info) {
  const auto pid = static_cast<pid_t>(whole(info, 0));
  const auto signal = static_cast<int>(whole(info, 2));
  const sys::UniqueFd process = sys::openProcess(pid, text(info, 1));
  if (!process) return Napi::Boolean::New(info.Env(), false);
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) {
    return Napi::Boolean::New(info.Env(), true);
  }
  if (errno != ESRCH) sys::throwErrno("pidfd_send_signal", std::to_string(pid));
  return Napi::Boolean::New(info.Env(), false);
}

Napi::Value processStartTime(const Napi::CallbackInfo& info) {
  const auto started = sys::processStartTime(static_cast<pid_t>(whole(info, 0)));
  if (!started) return info.Env().Null();
  return Napi::String::New(info.Env(), *started);
}

}  // namespace

void registerRuntime(Napi::Env env, Napi::Object exports) {
  exports.Set("spawnMonitor", entry<spawnMonitor>(env, "spawnMonitor"));
  exports.Set("prepareMonitor", entry<prepareMonitor>(env, "prepareMonitor"));
  exports.Set("connectUnix", entry<connectUnix>(env, "connectUnix"));
  exports.Set("signalProcess", entry<signalProcess>(env, "signalProcess"));
  exports.Set("processStartTime", entry<processStartTime>(env, "processStartTime"));
}

}  // namespace strake::addon
