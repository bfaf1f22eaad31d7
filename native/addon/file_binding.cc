#include "addon/async.h"
#include "addon/convert.h"
#include "addon/freeing.h"
#include "addon/rooms.h"
#include "addon/user_namespace.h"
#include "sys/disk_usage.h"
#include "sys/lock.h"
#include "sys/remove_tree.h"
#include "sys/user_namespace.h"
#include "sys/whole_file.h"

namespace strake::addon {

namespace {

Napi::Value lockObject(Napi::Env env, std::optional<sys::FileLock> lock) {
  if (!lock) return env.Null();
  // Shared by the function and, through it, by the object: the lock is dropped by release() or with the
  // object.
  auto held = std::make_shared<sys::FileLock>(std::move(*lock));
  Napi::Object result = Napi::Object::New(env);
  result.Set("release", Napi::Function::New(
                            env, [held](const Napi::CallbackInfo&) { held->release(); }, "release"));
  return result;
}

Napi::Value lockFile(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 1);
  const auto mode = booleanOf(options, "shared") ? sys::LockMode::shared : sys::LockMode::exclusive;
  const bool wait = booleanOf(options, "wait");
  return async(
      info.Env(), wait ? Thread::own : Thread::shared,
      [path = text(info, 0), mode, wait] {
        return wait ? std::optional(sys::lockFile(path, mode)) : sys::tryLockFile(path, mode);
      },
      lockObject);
}

Napi::Value isLocked(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), sys::isLocked(text(info, 0)));
}

Napi::Value syncFileSystem(const Napi::CallbackInfo& info) {
  return async(info.Env(), [path = text(info, 0)] { sys::syncFileSystem(path); });
}

std::string contents(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsString()) return info[index].As<Napi::String>().Utf8Value();
  const auto data = bytes(info, index);
  return {data.begin(), data.end()};
}

Napi::Value writeFileAtomic(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 2);
  return async(
      info.Env(),
      [path = text(info, 0), data = contents(info, 1), mode = static_cast<mode_t>(wholeOf(options, "mode")),
       durable = booleanOf(options, "durable")] { sys::writeFileAtomic(path, data, mode, durable); });
}

Napi::Value removeTree(const Napi::CallbackInfo& info) {
  return async(info.Env(), [path = text(info, 0), userns = userNamespaceOf(info[1])] {
    std::vector<sys::UniqueFd> unlinked;
    sys::asRootOf(descriptorOf(userns), [&] { sys::removeTree(path, &unlinked); });
    closeLater(std::move(unlinked));
  });
}

Napi::Value bytesFreed(const Napi::CallbackInfo& info) {
  return async(info.Env(), [] { awaitClosed(); });
}

Napi::Value diskUsage(const Napi::CallbackInfo& info) {
  return async(
      info.Env(),
      [path = text(info, 0), userns = userNamespaceOf(info[1])] {
        return sys::asRootOf(descriptorOf(userns), [&] { return sys::diskUsage(path); });
      },
      [](Napi::Env env, sys::DiskUsage usage) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("bytes", Napi::Number::New(env, static_cast<double>(usage.bytes)));
        result.Set("inodes", Napi::Number::New(env, static_cast<double>(usage.inodes)));
        return result;
      });
}

}  // namespace

void registerFile(Napi::Env env, Napi::Object exports) {
  exports.Set("lockFile", entry<lockFile>(env, "lockFile"));
  exports.Set("isLocked", entry<isLocked>(env, "isLocked"));
  exports.Set("syncFileSystem", entry<syncFileSystem>(env, "syncFileSystem"));
  exports.Set("writeFileAtomic", entry<writeFileAtomic>(env, "writeFileAtomic"));
  exports.Set("removeTree", entry<removeTree>(env, "removeTree"));
  exports.Set("bytesFreed", entry<bytesFreed>(env, "bytesFreed"));
  exports.Set("diskUsage", entry<diskUsage>(env, "diskUsage"));
}

}  // namespace strake::addon
