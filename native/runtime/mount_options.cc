#include "runtime/mount_options.h"

#include <linux/mount.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace strake::runtime {
namespace {

struct Attribute {
  std::string_view name;
  uint64_t set, clear;
};

// An access-time mode must clear the whole field first: it is a number and no set of bits.
constexpr Attribute attributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

constexpr std::pair<std::string_view, uint64_t> propagations[] = {
    {"shared", MS_SHARED}, {"slave", MS_SLAVE}, {"private", MS_PRIVATE}, {"unbindable", MS_UNBINDABLE}};

void apply(uint64_t& set, uint64_t& clear, const Attribute& attribute) {
  set = (set & ~attribute.clear) | attribute.set;
  clear = (clear & ~attribute.set) | attribute.clear;
}

const Attribute* findAttribute(std::string_view name) {
  auto found = std::find_if(std::begin(attributes), std::end(attributes),
                            [&](const Attribute& row) { return row.name == name; });
  return found == std::end(attributes) ? nullptr : found;
}

bool takeAttribute(std::string_view name, MountOptions& out) {
  if (const Attribute* attribute = findAttribute(name)) {
    apply(out.set, out.clear, *attribute);
    return true;
  }
  if (!name.starts_with('r')) return false;
  const Attribute* attribute = findAttribute(name.substr(1));
  if (attribute) apply(out.setRecursively, out.clearRecursively, *attribute);
  return attribute != nullptr;
}

bool takePropagation(std::string_view name, MountOptions& out) {
  for (const auto& [word, value] : propagations) {
    bool recursive = name.size() == word.size() + 1 && name[0] == 'r' && name.substr(1) == word;
    if (name != word && !recursive) continue;
    out.propagation = value;
    out.propagationRecursive = recursive;
    return true;
  }
  return false;
}

/// Nothing to do for these. iversion is what Linux does since 6.1 where a file system can, and the others
/// speak to mount(8).
constexpr std::string_view ignored[] = {"defaults",   "async", "nofail", "iversion",
                                        "noiversion", "loud",  "silent", ""};
/// Of the superblock: every file system takes them (fsconfig(2)), a bind has none.
constexpr std::string_view superblock[] = {"dirsync", "lazytime", "nolazytime", "mand", "nomand", "sync"};
constexpr std::string_view words[] = {"bind", "rbind", "tmpcopyup", "idmap", "ridmap", "remount"};

bool takeWord(std::string_view name, MountOptions& out) {
  if (name == "bind") return out.bind = true;
  if (name == "rbind") return out.bind = out.recursive = true;
  if (name == "remount") return out.remount = true;
  if (name == "tmpcopyup") return out.copyUp = true;
  if (name == "idmap") return out.idmap = true;
  if (name == "ridmap") return out.idmap = out.idmapRecursive = true;
  return std::ranges::find(ignored, name) != std::end(ignored);
}

}  // namespace

bool MountOptions::readonly() const {
  return ((set | setRecursively) & MOUNT_ATTR_RDONLY) != 0;
}

std::vector<std::string> mountOptionNames() {
  std::vector<std::string> names(std::begin(words), std::end(words));
  names.insert(names.end(), std::begin(superblock), std::end(superblock));
  for (std::string_view name : ignored)
    if (!name.empty()) names.emplace_back(name);
  const auto add = [&](std::string_view name) {
    names.emplace_back(name);
    names.push_back("r" + std::string(name));
  };
  for (const Attribute& attribute : attributes) add(attribute.name);
  for (const auto& [name, value] : propagations) add(name);
  std::ranges::sort(names);
  return names;
}

MountOptions parseMountOptions(const std::vector<std::string>& options) {
  MountOptions out;
  for (const std::string& option : options) {
    if (takeAttribute(option, out) || takePropagation(option, out) || takeWord(option, out)) continue;
    size_t equals = option.find('=');
    if (option.starts_with("subpath="))
      out.subpath = option.substr(equals + 1);
    else if (equals == std::string::npos)
      out.flags.push_back(option);
    else
      out.parameters.emplace_back(option.substr(0, equals), option.substr(equals + 1));
  }
  return out;
}

}  // namespace strake::runtime
