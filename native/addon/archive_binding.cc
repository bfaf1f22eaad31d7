#include <fcntl.h>

#include "addon/async.h"
#include "addon/compression.h"
#include "addon/convert.h"
#include "addon/mount_view.h"
#include "addon/rooms.h"
#include "layer/fd_sink.h"
#include "layer/inflate_file.h"
#include "layer/tar_index.h"
#include "layer/tree_writer.h"
#include "sys/error.h"

namespace strake::addon {

namespace {

/// Of the pipe through which a tree is read: the fewer wake-ups the better.
constexpr int pipeSize = 1 << 20;

const char* typeName(layer::EntryType type) {
  switch (type) {
    case layer::EntryType::regular:
      return "file";
    case layer::EntryType::hardLink:
      return "hardLink";
    case layer::EntryType::symlink:
      return "symlink";
    case layer::EntryType::directory:
      return "directory";
    default:
      return "other";
  }
}

Napi::Array memberArray(Napi::Env env, const std::vector<layer::TarMember>& members) {
  Napi::Array array = Napi::Array::New(env, members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    Napi::Object member = Napi::Object::New(env);
    member.Set("type", Napi::String::New(env, typeName(members[i].type)));
    member.Set("path", Napi::String::New(env, members[i].path));
    member.Set("target", Napi::String::New(env, members[i].target));
    member.Set("offset", Napi::Number::New(env, static_cast<double>(members[i].offset)));
    member.Set("size", Napi::Number::New(env, static_cast<double>(members[i].size)));
    array.Set(static_cast<uint32_t>(i), member);
  }
  return array;
}

Napi::Value indexTar(const Napi::CallbackInfo& info) {
  return async(
      info.Env(),
      [path = text(info, 0), maxMembers = whole(info, 1)] { return layer::indexTar(path, maxMembers); },
      memberArray);
}

layer::FileRange rangeOf(const Napi::Object& options) {
  layer::FileRange range = {.path = textOf(options, "source")};
  if (!options.Get("offset").IsUndefined()) range.offset = wholeOf(options, "offset");
  if (!options.Get("size").IsUndefined()) range.size = wholeOf(options, "size");
  return range;
}

Napi::Value inflateFile(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 0);
  return async(
      info.Env(), Thread::own,
      [source = rangeOf(options), compression = compressionOf(textOf(options, "compression")),
       target = textOf(options, "target"), maxBytes = wholeOf(options, "maxBytes")] {
        return layer::inflateFile(source, compression, target, maxBytes);
      },
      [](Napi::Env env, const layer::InflatedFile& file) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("digest", Napi::String::New(env, file.digest));
        result.Set("size", Napi::Number::New(env, static_cast<double>(file.size)));
        return result;
      });
}

struct Pipe {
  sys::UniqueFd read;
  sys::UniqueFd write;
};

Pipe makePipe() {
  int ends[2];
  sys::check(::pipe2(ends, O_CLOEXEC), "pipe2");
  Pipe pipe = {sys::UniqueFd(ends[0]), sys::UniqueFd(ends[1])};
  ::fcntl(pipe.write.get(), F_SETPIPE_SZ, pipeSize);  // more than a user may have: then it stays small
  return pipe;
}

/// Mounts, and writes into the pipe until it is read to its end or closed.
void sendTree(const runtime::Rootfs& rootfs, const layer::TreeOptions& options, const UserNamespace& userns,
              sys::UniqueFd pipe) {
  layer::FdSink sink(std::move(pipe), "the pipe of an export");
  whereMountsAreAllowed(userns, [&] {
    const sys::UniqueFd root = mountView(rootfs);
    layer::TarWriter tar(sink);
    layer::writeTree(root.get(), tar, options);
    sink.finish();
  });
}

Napi::Value readTree(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Pipe pipe = makePipe();
  layer::TreeOptions options;
  for (std::string& path : texts(info, 1)) options.hidden.insert(std::move(path));
  auto work = [rootfs = rootfsOf(object(info, 0)), options = std::move(options),
               userns = userNamespaceOf(info[2]),
               end = std::move(pipe.write)]() mutable { sendTree(rootfs, options, userns, std::move(end)); };
  Napi::Object result = Napi::Object::New(env);
  result.Set("written", async(env, Thread::own, std::move(work),
                              [](Napi::Env inner, auto&&) { return inner.Undefined(); }));
  result.Set("fd", Napi::Number::New(env, pipe.read.release()));
  return result;
}

}  // namespace

void registerArchive(Napi::Env env, Napi::Object exports) {
  exports.Set("indexTar", entry<indexTar>(env, "indexTar"));
  exports.Set("inflateFile", entry<inflateFile>(env, "inflateFile"));
  exports.Set("readTree", entry<readTree>(env, "readTree"));
}

}  // namespace strake::addon
