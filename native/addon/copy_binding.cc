#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "addon/async.h"
#include "addon/convert.h"
#include "addon/mount_view.h"
#include "addon/rooms.h"
#include "layer/apply.h"
#include "layer/copy_in.h"
#include "layer/copy_out.h"
#include "layer/fd_sink.h"
#include "layer/layer_stack.h"
#include "runtime/masks.h"
#include "runtime/mounts.h"
#include "runtime/rootfs.h"
#include "sys/detached_mount.h"
#include "sys/in_root.h"

namespace strake::addon {

namespace {

/// CopyTree of bindings/native.ts: a root that is open already, or one that is to be mounted.
struct Tree {
  std::shared_ptr<const sys::UniqueFd> root;
  runtime::Rootfs rootfs;
  std::vector<runtime::Mount> mounts;
  std::map<std::string, runtime::Rootfs> images;
  bool readOnly = false;
};

std::vector<std::string> textsOf(const Napi::Object& object, const char* key) {
  std::vector<std::string> texts;
  const auto array = object.Get(key).As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) texts.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  return texts;
}

std::vector<runtime::Mount> mountsOf(const Napi::Array& array) {
  std::vector<runtime::Mount> mounts;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto mount = array.Get(i).As<Napi::Object>();
    mounts.push_back({.destination = textOf(mount, "destination"),
                      .type = optionalTextOf(mount, "type"),
                      .source = optionalTextOf(mount, "source"),
                      .options = textsOf(mount, "options"),
                      .idmap = {}});
  }
  return mounts;
}

std::map<std::string, runtime::Rootfs> imagesOf(const Napi::Value& value) {
  std::map<std::string, runtime::Rootfs> images;
  if (!value.IsObject()) return images;
  const auto object = value.As<Napi::Object>();
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).As<Napi::String>().Utf8Value();
    images.emplace(name, rootfsOf(object.Get(name).As<Napi::Object>()));
  }
  return images;
}

Tree treeOf(const Napi::Object& object) {
  Tree tree;
  if (object.Get("fd").IsNumber()) {
    const int fd = ::fcntl(static_cast<int>(wholeOf(object, "fd")), F_DUPFD_CLOEXEC, 3);
    tree.root = std::make_shared<const sys::UniqueFd>(sys::check(fd, "dup", "root"));
    return tree;
  }
  tree.rootfs = rootfsOf(object.Get("mount").As<Napi::Object>());
  tree.rootfs.hidden = textsOf(object, "hidden");
  tree.mounts = mountsOf(object.Get("mounts").As<Napi::Array>());
  tree.images = imagesOf(object.Get("images"));
  tree.readOnly = booleanOf(object, "readOnly");
  return tree;
}

void makeMounts(int root, const Tree& tree) {
  runtime::Spec spec;
  spec.mounts = tree.mounts;
  runtime::makeMounts(root, {.spec = spec, .images = tree.images}, {});
}

/// As the container would see it: in a mount namespace of this thread's own, which goes with it.
sys::UniqueFd assemble(const Tree& tree) {
  sys::check(::unshare(CLONE_NEWNS), "unshare", "mount namespace");
  const sys::UniqueFd top(sys::check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  sys::changeMount(top.get(), 0, 0, MS_PRIVATE, true, "/");
  sys::UniqueFd root = mountView(tree.rootfs);
  runtime::attachRootfs(root.get());
  runtime::hidePaths(root.get(), tree.rootfs.hidden);
  makeMounts(root.get(), tree);
  if (tree.readOnly) sys::changeMount(root.get(), MOUNT_ATTR_RDONLY, 0, 0, false, "/");
  return root;
}

/// Calls `body` with the tree's root; on a thread of its own.
template <typename Body>
auto inTree(const Tree& tree, const UserNamespace& userns, Body body) {
  return sys::asRootOf(descriptorOf(userns), [&] {
    layer::takeOwnUmask();
    if (tree.root) return body(tree.root->get());
    const sys::UniqueFd root = assemble(tree);
    return body(root.get());
  });
}

sys::UniqueFd openSource(int root, const std::string& path, bool follow) {
  return sys::openInRoot(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
}

struct Found {
  struct stat status;
  std::string target;
};

std::optional<Found> look(int root, const std::string& path, bool follow) {
  const sys::UniqueFd fd = sys::tryOpenInRoot(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
  if (!fd && errno == ENOENT) return std::nullopt;
  sys::check(fd.get(), "open", path);
  Found found{};
  sys::check(::fstatat(fd.get(), "", &found.status, AT_EMPTY_PATH), "fstatat", path);
  if (S_ISLNK(found.status.st_mode)) found.target = layer::linkText(fd.get(), path);
  return found;
}

Napi::Value toJs(Napi::Env env, const std::optional<Found>& found) {
  if (!found) return env.Null();
  Napi::Object result = Napi::Object::New(env);
  const auto number = [&](const char* key, auto value) {
    result.Set(key, Napi::Number::New(env, static_cast<double>(value)));
  };
  number("mode", found->status.st_mode);
  number("size", found->status.st_size);
  number("uid", found->status.st_uid);
  number("gid", found->status.st_gid);
  number("mtimeMs", static_cast<double>(found->status.st_mtim.tv_sec) * 1e3 +
                        static_cast<double>(found->status.st_mtim.tv_nsec / 1000) / 1e3);
  result.Set("target", Napi::String::New(env, found->target));
  return result;
}

Napi::Value statInTree(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), Thread::own,
      [tree = treeOf(object(info, 0)), path = text(info, 1), follow = info[2].ToBoolean().Value(),
       userns = userNamespaceOf(info[3])] {
        return inTree(tree, userns, [&](int root) { return look(root, path, follow); });
      },
      toJs);
}

/// A descriptor for JavaScript, and the promise of the work at the other end of the pipe.
template <typename Work>
Napi::Object pipeAnd(Napi::Env env, sys::UniqueFd end, Work work) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("done", async(env, Thread::own, std::move(work),
                           [](Napi::Env inner, auto&&) { return inner.Undefined(); }));
  result.Set("fd", Napi::Number::New(env, end.release()));
  return result;
}

struct Pipe {
  sys::UniqueFd read, write;
};

Pipe makePipe() {
  int ends[2];
  sys::check(::pipe2(ends, O_CLOEXEC), "pipe2");
  return {sys::UniqueFd(ends[0]), sys::UniqueFd(ends[1])};
}

std::optional<std::pair<uid_t, gid_t>> ownerOf(const Napi::Object& options) {
  if (!options.Get("owner").IsObject()) return std::nullopt;
  const auto owner = options.Get("owner").As<Napi::Object>();
  return std::pair(static_cast<uid_t>(wholeOf(owner, "uid")), static_cast<gid_t>(wholeOf(owner, "gid")));
}

Napi::Value copyOut(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 1);
  Pipe pipe = makePipe();
  return pipeAnd(
      info.Env(), std::move(pipe.read),
      [tree = treeOf(object(info, 0)), path = textOf(options, "path"), follow = booleanOf(options, "follow"),
       copy = layer::CopyOutOptions{textOf(options, "name"), ownerOf(options)},
       userns = userNamespaceOf(info[2]), end = std::move(pipe.write)]() mutable {
        layer::FdSink sink(std::move(end), "the pipe of a copy");
        inTree(tree, userns, [&](int root) {
          layer::TarWriter tar(sink);
          layer::copyOut(openSource(root, path, follow).get(), tar, copy);
          sink.finish();
        });
      });
}

class PipeSource final : public layer::ByteSource {
 public:
  explicit PipeSource(sys::UniqueFd fd) : fd_(std::move(fd)), buffer_(256 << 10) {}
  std::span<const uint8_t> next() override {
    ssize_t got;
    do {
      got = ::read(fd_.get(), buffer_.data(), buffer_.size());
    } while (got < 0 && errno == EINTR);
    return {buffer_.data(), static_cast<size_t>(sys::check(got, "read", "the pipe of a copy"))};
  }

 private:
  sys::UniqueFd fd_;
  std::vector<uint8_t> buffer_;
};

bool isSame(int left, int right) {
  struct stat one {
  }, other{};
  sys::check(::fstatat(left, "", &one, AT_EMPTY_PATH), "fstatat", "destination");
  sys::check(::fstatat(right, "", &other, AT_EMPTY_PATH), "fstatat", "root");
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

Napi::Value copyIn(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info, 1);
  Pipe pipe = makePipe();
  return pipeAnd(
      info.Env(), std::move(pipe.write),
      [tree = treeOf(object(info, 0)), path = textOf(options, "path"),
       copy = layer::CopyInOptions{false, booleanOf(options, "mayReplaceDirectories"), ownerOf(options)},
       userns = userNamespaceOf(info[2]), end = std::move(pipe.read)]() mutable {
        PipeSource source(std::move(end));
        inTree(tree, userns, [&](int root) {
          const sys::UniqueFd destination = sys::openInRoot(root, path, O_PATH | O_DIRECTORY);
          copy.isRoot = isSame(destination.get(), root);
          layer::TarReader reader(source);
          layer::CopyIn(destination.get(), copy).run(reader);
        });
      });
}

/// The root of a process, with what is mounted there. The number is checked afterwards by who knows the
/// process.
Napi::Value openProcessRoot(const Napi::CallbackInfo& info) {
  const std::string path = "/proc/" + std::to_string(whole(info, 0)) + "/root";
  return Napi::Number::New(info.Env(),
                           sys::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

}  // namespace

void registerCopy(Napi::Env env, Napi::Object exports) {
  exports.Set("statInTree", entry<statInTree>(env, "statInTree"));
  exports.Set("copyOut", entry<copyOut>(env, "copyOut"));
  exports.Set("copyIn", entry<copyIn>(env, "copyIn"));
  exports.Set("openProcessRoot", entry<openProcessRoot>(env, "openProcessRoot"));
}

}  // namespace strake::addon
