#include "layer/layer_stack.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <deque>

#include "layer/entry_path.h"
#include "sys/error.h"

namespace strake::layer {

namespace {

constexpr int maxLinks = 40;

}  // namespace

std::string linkText(int link, const std::string& path) {
  char text[maxPath + 1];
  const ssize_t size = sys::check(::readlinkat(link, "", text, sizeof text), "readlinkat", path);
  return {text, static_cast<size_t>(size)};
}

bool isWhiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(0, 0);
}

bool isOpaque(int directory) {
  const std::string name = "/proc/self/fd/" + std::to_string(directory);
  // The second is ours alone too: what an image says by that name is left out.
  for (const char* xattr : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    char value = 0;
    if (::getxattr(name.c_str(), xattr, &value, 1) == 1 && value == 'y') return true;
  }
  return false;
}

const LayerStack::Root& LayerStack::open(size_t layer) const {
  Root& root = roots_[layer];
  if (!root.fd) {
    root.fd = sys::openLayer(layers_[layer]);
    root.opaque = isOpaque(root.fd.get());
  }
  return root;
}

Lookup LayerStack::find(std::string_view path) const {
  Lookup lookup;
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const Verdict verdict = findIn(layer, path, lookup);
    if (verdict == Verdict::found) return lookup;
    if (verdict == Verdict::hidden) break;
  }
  return {};
}

std::optional<std::string> resolveLinks(const std::function<Step(const std::string& path)>& look,
                                        std::string at, std::string_view path) {
  std::deque<std::string> names = namesOf(path);
  for (int links = 0; !names.empty();) {
    const std::string name = std::move(names.front());
    names.pop_front();
    if (name == ".") continue;
    std::string next = name == ".." ? std::string(parentOf(at)) : joined(at, name);
    const Step step = look(next);
    if (step.kind == Found::other) return std::nullopt;
    if (step.kind != Found::symlink) {
      at = std::move(next);
      continue;
    }
    if (++links > maxLinks) return std::nullopt;
    if (step.link.starts_with('/')) at.clear();
    const auto before = namesOf(step.link);
    names.insert(names.begin(), before.begin(), before.end());
  }
  return at;
}

std::optional<std::string> LayerStack::resolve(std::string at, std::string_view path) const {
  const auto look = [this](const std::string& next) {
    const Lookup found = find(next);
    return Step{found.kind, found.kind == Found::symlink ? linkText(found.fd.get(), next) : ""};
  };
  return resolveLinks(look, std::move(at), path);
}

LayerStack::Verdict LayerStack::findIn(size_t layer, std::string_view path, Lookup& lookup) const {
  const Root& root = open(layer);
  bool opaque = root.opaque;
  lookup.fd.reset(sys::check(::fcntl(root.fd.get(), F_DUPFD_CLOEXEC, 3), "fcntl"));
  lookup.kind = Found::directory;
  while (!path.empty()) {
    if (lookup.kind != Found::directory) return Verdict::hidden;
    const size_t end = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
    sys::UniqueFd next(::openat(lookup.fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT) return opaque ? Verdict::hidden : Verdict::askBelow;
    lookup.fd.reset(sys::check(next.release(), "openat", name));
    sys::check(::fstat(lookup.fd.get(), &lookup.status), "fstat", name);
    if (isWhiteout(lookup.status)) return Verdict::hidden;
    lookup.kind = S_ISDIR(lookup.status.st_mode)   ? Found::directory
                  : S_ISLNK(lookup.status.st_mode) ? Found::symlink
                                                   : Found::other;
    opaque = opaque || (lookup.kind == Found::directory && isOpaque(lookup.fd.get()));
  }
  sys::check(::fstat(lookup.fd.get(), &lookup.status), "fstat");
  return Verdict::found;
}

}  // namespace strake::layer
