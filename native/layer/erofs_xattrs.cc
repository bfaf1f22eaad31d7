#include "layer/erofs_xattrs.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include <cstring>
#include <map>
#include <optional>

#include "layer/erofs_format.h"
#include "layer/error.h"

namespace strake::layer::erofs {

namespace {

/// By EROFS' number of the name's prefix, and the rest of the name.
using Key = std::pair<uint8_t, std::string>;
using Sorted = std::map<Key, std::string>;

constexpr uint8_t userPrefix = 1, trustedPrefix = 4;
constexpr std::string_view opaqueName = "overlay.opaque";
constexpr size_t maxName = 255, maxValue = 65535;
/// What an inode can count, less the room for the mark of an opaque directory, which may come later.
constexpr size_t maxBytes = (65535 - 1) * 4 + sizeof(XattrHeader) - 24;
static_assert(sizeof(XattrEntry) + opaqueName.size() + 1 <= 24);

struct Prefix {
  std::string_view text;
  uint8_t number;
  bool whole;  // the name is nothing but the prefix
};
constexpr Prefix prefixes[] = {{"user.", userPrefix, false},
                               {"system.posix_acl_access", 2, true},
                               {"system.posix_acl_default", 3, true},
                               {"trusted.", trustedPrefix, false},
                               {"security.", 6, false}};

std::optional<Key> keyOf(std::string_view name) {
  for (const auto& [text, number, whole] : prefixes) {
    if (whole ? name == text : name.starts_with(text) && name.size() > text.size())
      return Key(number, name.substr(text.size()));
  }
  return std::nullopt;
}

/// cap_convert_nscap() of Linux' security/commoncap.c takes revisions 2 and 3 of the right size.
bool isCapability(const std::string& value) {
  uint32_t revision = 0;
  if (value.size() < sizeof revision) return false;
  std::memcpy(&revision, value.data(), sizeof revision);
  revision &= VFS_CAP_REVISION_MASK;
  return (revision == VFS_CAP_REVISION_2 && value.size() == XATTR_CAPS_SZ_2) ||
         (revision == VFS_CAP_REVISION_3 && value.size() == XATTR_CAPS_SZ_3);
}

/// struct posix_acl_xattr_header: version 2, then entries of 8 bytes.
bool isAccessList(const std::string& value) {
  uint32_t version = 0;
  if (value.size() < sizeof version || value.size() % 8 != sizeof version) return false;
  std::memcpy(&version, value.data(), sizeof version);
  return version == 2;
}

void verify(const std::string& name, const std::string& value, const std::string& path) {
  const std::string what = "tar: entry " + quoted(path) + " has the xattr " + quoted(name);
  if (name.size() > maxName) corrupt(what + ", whose name is longer than the 255 bytes that Linux allows");
  if (value.size() > maxValue)
    corrupt(what + " of " + std::to_string(value.size()) + " bytes: 65535 is the most");
  if (name == "security.capability" && !isCapability(value)) corrupt(what + ", which is no file capability");
  if (name.starts_with("system.posix_acl_") && !isAccessList(value))
    corrupt(what + ", which is no access control list");
}

Sorted decode(std::string_view bytes) {
  Sorted xattrs;
  for (size_t at = sizeof(XattrHeader); at < bytes.size();) {
    XattrEntry entry;
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    at += sizeof entry;
    Key key(entry.prefix, bytes.substr(at, entry.nameSize));
    xattrs.emplace(std::move(key), bytes.substr(at + entry.nameSize, entry.valueSize));
    at += (entry.nameSize + entry.valueSize + 3u) & ~3u;
  }
  return xattrs;
}

std::string encode(const Sorted& xattrs) {
  if (xattrs.empty()) return {};
  std::string bytes(sizeof(XattrHeader), '\0');
  for (const auto& [key, value] : xattrs) {
    const XattrEntry entry{static_cast<uint8_t>(key.second.size()), key.first,
                           static_cast<uint16_t>(value.size())};
    bytes.append(reinterpret_cast<const char*>(&entry), sizeof entry).append(key.second).append(value);
    bytes.resize((bytes.size() + 3) & ~size_t{3});
  }
  return bytes;
}

}  // namespace

XattrSets::XattrSets() {
  intern({});
}

XattrSets::Id XattrSets::intern(std::string bytes) {
  const auto [place, isNew] = ids_.try_emplace(std::move(bytes), static_cast<Id>(sets_.size()));
  if (isNew) {
    sets_.push_back(&place->first);
    totalBytes_ += place->first.size();
  }
  return place->second;
}

XattrSets::Id XattrSets::merge(Id base, const Xattrs& added, mode_t mode, const std::string& path) {
  if (added.empty()) return base;
  Sorted xattrs = decode(bytes(base));
  for (const auto& [name, value] : added) {
    std::optional<Key> key = keyOf(name);
    if (!key || belongsToOverlay(name)) continue;
    if (key->first == userPrefix && !S_ISREG(mode) && !S_ISDIR(mode)) continue;
    verify(name, value, path);
    xattrs.insert_or_assign(std::move(*key), value);
  }
  std::string encoded = encode(xattrs);
  if (encoded.size() > maxBytes) corrupt("tar: entry " + quoted(path) + " has more than 256 KiB of xattrs");
  return intern(std::move(encoded));
}

XattrSets::Id XattrSets::makeOpaque(Id base) {
  Sorted xattrs = decode(bytes(base));
  xattrs[Key(trustedPrefix, opaqueName)] = "y";
  return intern(encode(xattrs));
}

}  // namespace strake::layer::erofs
