#include "layer/entry_path.h"

#include <algorithm>

#include "layer/error.h"

namespace strake::layer {

namespace {

constexpr std::string_view whiteoutPrefix = ".wh.";
constexpr std::string_view whiteoutMetaPrefix = ".wh..wh.";
constexpr std::string_view opaqueName = ".wh..wh..opq";

void refuseLong(std::string_view path, std::string_view name) {
  if (name.size() <= maxName) return;
  corrupt("tar: entry " + quoted(path) + " has a name of " + std::to_string(name.size()) +
          " bytes: Linux allows 255");
}

/// Already normal, as nearly all names are: nothing to do but to check the names' lengths.
bool isNormal(std::string_view path) {
  return !path.empty() && path.front() != '/' && path.back() != '/' &&
         path.find("//") == std::string_view::npos && !path.starts_with("./") &&
         path.find("/.") == std::string_view::npos && !path.starts_with("..") && path != ".";
}

template <typename Each>
void forEachName(std::string_view path, Each each) {
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    if (end > 0) each(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
}

std::string rebuilt(std::string_view path) {
  std::string result;
  forEachName(path, [&](std::string_view name) {
    if (name == ".") return;
    if (name != "..") {
      result = joined(result, name);
      return;
    }
    if (result.empty()) unsafe("tar: entry " + quoted(path) + " leaves the layer's root");
    result = std::string(parentOf(result));
  });
  return result;
}

}  // namespace

std::string normalise(std::string_view path) {
  std::string result = isNormal(path) ? std::string(path) : rebuilt(path);
  if (result.size() > maxPath) {
    corrupt("tar: entry " + quoted(path) + " has a path of " + std::to_string(result.size()) +
            " bytes: Linux allows 4095");
  }
  if (result.size() > maxName) forEachName(result, [&](std::string_view name) { refuseLong(path, name); });
  return result;
}

std::string_view parentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view baseOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string joined(std::string_view parent, std::string_view name) {
  if (parent.empty()) return std::string(name);
  return std::string(parent).append("/").append(name);
}

std::deque<std::string> namesOf(std::string_view path) {
  std::deque<std::string> names;
  forEachName(path, [&](std::string_view name) { names.emplace_back(name); });
  return names;
}

Whiteout whiteoutOf(std::string_view path) {
  if (path.find(whiteoutPrefix) == std::string_view::npos) return Whiteout::none;
  Whiteout found = Whiteout::none;
  forEachName(parentOf(path), [&](std::string_view name) {
    if (name.starts_with(whiteoutMetaPrefix)) {
      found = Whiteout::ignored;
    } else if (name.starts_with(whiteoutPrefix)) {
      unsafe("tar: entry " + quoted(path) + " uses a whiteout as a directory");
    }
  });
  const std::string_view base = baseOf(path);
  if (found == Whiteout::ignored || !base.starts_with(whiteoutPrefix)) return found;
  if (base == opaqueName) return Whiteout::opaque;
  if (base.starts_with(whiteoutMetaPrefix)) return Whiteout::ignored;
  const std::string_view name = base.substr(whiteoutPrefix.size());
  if (name.empty() || name == "." || name == "..")
    unsafe("tar: the whiteout " + quoted(path) + " names no file");
  return Whiteout::name;
}

std::string whitedOut(std::string_view path) {
  return joined(parentOf(path), baseOf(path).substr(whiteoutPrefix.size()));
}

}  // namespace strake::layer
