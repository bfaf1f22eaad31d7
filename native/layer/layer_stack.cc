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

/// How long the path is of the lowest directory that `directory` is or lies in, and `path` lies in.
size_t commonDirectory(std::string_view directory, std::string_view path) {
  const size_t most = std::min(directory.size(), path.size());
  size_t same = 0;
  while (same < most && directory[same] == path[same]) ++same;
  if (same == directory.size() && same < path.size() && path[same] == '/') return same;
  const size_t slash = path.substr(0, same).rfind('/');
  return slash == std::string_view::npos ? 0 : slash;
}

size_t namesIn(std::string_view path) {
  return namesOf(path).size();
}

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

LayerStack::Root& LayerStack::open(size_t layer) const {
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

/// The place to look for `path` from: the layer's root, or what it has in common with the last place, reached
/// by ".." where that takes fewer steps.
LayerStack::Place LayerStack::startOf(size_t layer, std::string_view path) const {
  Root& root = open(layer);
  Place& last = root.last;
  const size_t common = last.fd && layer >= changing_ ? commonDirectory(last.path, path) : 0;
  const auto ups = namesIn(std::string_view(last.path).substr(common));
  Place start;
  if (common == 0 || ups >= namesIn(path.substr(0, common))) {
    start.fd.reset(sys::check(::fcntl(root.fd.get(), F_DUPFD_CLOEXEC, 3), "fcntl"));
    if (root.opaque) start.opaqueFrom = 0;
    return start;
  }
  start = std::move(last);
  for (auto up = ups; up > 0; --up)
    start.fd.reset(
        sys::check(::openat(start.fd.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC), "openat", ".."));
  start.path.resize(common);
  if (start.opaqueFrom > common) start.opaqueFrom = std::string::npos;
  return start;
}

LayerStack::Verdict LayerStack::findIn(size_t layer, std::string_view path, Lookup& lookup) const {
  Place at = startOf(layer, path);
  const auto end = [&](Verdict verdict) {
    open(layer).last = std::move(at);
    return verdict;
  };
  if (path.empty()) {
    lookup.kind = Found::directory;
    sys::check(::fstat(at.fd.get(), &lookup.status), "fstat");
    lookup.fd = std::move(at.fd);
    return Verdict::found;
  }
  for (;;) {
    const size_t from = at.path.empty() ? 0 : at.path.size() + 1;
    const size_t until = std::min(path.find('/', from), path.size());
    const std::string name(path.substr(from, until - from));
    sys::UniqueFd next(::openat(at.fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT)
      return end(at.opaqueFrom != std::string::npos ? Verdict::hidden : Verdict::askBelow);
    lookup.fd.reset(sys::check(next.release(), "openat", name));
    sys::check(::fstat(lookup.fd.get(), &lookup.status), "fstat", name);
    if (isWhiteout(lookup.status)) return end(Verdict::hidden);
    lookup.kind = S_ISDIR(lookup.status.st_mode)   ? Found::directory
                  : S_ISLNK(lookup.status.st_mode) ? Found::symlink
                                                   : Found::other;
    if (until == path.size()) return end(Verdict::found);
    if (lookup.kind != Found::directory) return end(Verdict::hidden);
    at.path = path.substr(0, until);
    at.fd = std::move(lookup.fd);
    if (at.opaqueFrom == std::string::npos && isOpaque(at.fd.get())) at.opaqueFrom = until;
  }
}

}  // namespace strake::layer
