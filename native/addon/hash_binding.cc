#include <fcntl.h>

#include <algorithm>
#include <limits>

#include "addon/async.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "hash/sha256.h"
#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::addon {

namespace {

constexpr size_t chunkSize = 1 << 18;

std::string hashOfFile(const std::string& path, uint64_t offset, uint64_t length) {
  const sys::UniqueFd fd(sys::check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  std::vector<char> chunk(chunkSize);
  hash::Sha256 hash;
  while (length > 0) {
    const size_t wanted = std::min<uint64_t>(length, chunk.size());
    const ssize_t got = ::pread(fd.get(), chunk.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (sys::check(got, "pread", path) == 0) break;
    hash.update(std::string_view(chunk.data(), static_cast<size_t>(got)));
    offset += static_cast<size_t>(got);
    length -= static_cast<size_t>(got);
  }
  return hash::toHex(hash.finish());
}

Napi::Value hashFile(const Napi::CallbackInfo& info) {
  const uint64_t offset = optionalWhole(info, 1).value_or(0);
  const uint64_t length = optionalWhole(info, 2).value_or(std::numeric_limits<uint64_t>::max());
  return async(
      info.Env(), [path = text(info, 0), offset, length] { return hashOfFile(path, offset, length); },
      [](Napi::Env env, const std::string& hex) { return Napi::String::New(env, hex); });
}

Napi::Value createHash(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto hash = std::make_shared<hash::Sha256>();
  if (!info[0].IsUndefined() && !hash->load(bytes(info, 0)))
    throw Napi::TypeError::New(env, "this is no saved sha256");
  Napi::Object object = Napi::Object::New(env);
  object.Set("update",
             Napi::Function::New(
                 env, [hash](const Napi::CallbackInfo& call) { hash->update(bytes(call, 0)); }, "update"));
  // A copy is finished, so that digest() may be asked again, or in the middle.
  object.Set("digest", Napi::Function::New(
                           env,
                           [hash](const Napi::CallbackInfo& call) {
                             return Napi::String::New(call.Env(), hash::toHex(hash::Sha256(*hash).finish()));
                           },
                           "digest"));
  object.Set("save", Napi::Function::New(
                         env,
                         [hash](const Napi::CallbackInfo& call) {
                           const std::string saved = hash->save();
                           return Napi::Buffer<char>::Copy(call.Env(), saved.data(), saved.size());
                         },
                         "save"));
  return object;
}

}  // namespace

void registerHash(Napi::Env env, Napi::Object exports) {
  exports.Set("hashFile", entry<hashFile>(env, "hashFile"));
  exports.Set("createHash", entry<createHash>(env, "createHash"));
}

}  // namespace strake::addon
