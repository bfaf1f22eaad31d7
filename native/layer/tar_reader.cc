#include "layer/tar_reader.h"

#include <limits>

#include "layer/error.h"

namespace strake::layer {

namespace {

constexpr uint64_t maxExtensionSize = 1 << 20;
constexpr uint64_t maxSize = std::numeric_limits<int64_t>::max() - blockSize;

uint64_t paddingOf(uint64_t size) {
  return (blockSize - size % blockSize) % blockSize;
}

EntryType typeOf(char flag, const std::string& path) {
  switch (flag) {
    case '\0':
      // Before POSIX a directory was a file whose name ends in a slash.
      return path.ends_with('/') ? EntryType::directory : EntryType::regular;
    case '0':
    case '7':
    case 'S':
      return EntryType::regular;
    case '1':
      return EntryType::hardLink;
    case '2':
      return EntryType::symlink;
    case '3':
      return EntryType::charDevice;
    case '4':
      return EntryType::blockDevice;
    case '5':
      return EntryType::directory;
    case '6':
      return EntryType::fifo;
    default:
      corrupt("tar: entry " + quoted(path) + " has the type " + quoted(std::string_view(&flag, 1)) +
              ", which is none that a layer may hold");
  }
}

/// A user or group id; the last 32-bit value means "unchanged" to chown(2) and is none.
uint32_t idOf(int64_t value, const char* what, const std::string& path) {
  if (value < 0 || value >= std::numeric_limits<uint32_t>::max()) {
    corrupt("tar: entry " + quoted(path) + " has a " + what + " out of range");
  }
  return static_cast<uint32_t>(value);
}

unsigned deviceNumber(int64_t value, const std::string& path) {
  if (value < 0 || value > std::numeric_limits<uint32_t>::max()) {
    corrupt("tar: entry " + quoted(path) + " has a device number out of range");
  }
  return static_cast<unsigned>(value);
}

std::string textOr(std::optional<std::string_view> first, const std::optional<std::string>& second,
                   std::string last) {
  if (first) return std::string(*first);
  return second ? *second : std::move(last);
}

void refuseNul(const std::string& path, const std::string& text) {
  if (text.find('\0') != std::string::npos) corrupt("tar: entry " + quoted(path) + " has a NUL in a name");
}

}  // namespace

std::optional<TarEntry> TarReader::next() {
  skipData();
  Extensions extensions;
  for (;;) {
    const Block* block = reader_.block();
    if (block == nullptr) {
      if (!extensions.pax.empty() || extensions.longName || extensions.longLink) {
        corrupt("tar: the archive ends after an extension header");
      }
      return std::nullopt;
    }
    const TarHeader header(*block);
    if (header.isZero()) return std::nullopt;
    header.verify();
    if (!readExtension(header, extensions)) return describe(header, extensions);
  }
}

void TarReader::skipData() {
  reader_.skip(remaining_);
  reader_.skip(padding_);
  remaining_ = padding_ = 0;
}

std::span<const uint8_t> TarReader::data() {
  if (remaining_ == 0) return {};
  const auto piece = reader_.some(remaining_);
  remaining_ -= piece.size();
  return piece;
}

/// true: it was an extension header, and what it says was kept.
bool TarReader::readExtension(const TarHeader& header, Extensions& extensions) {
  switch (header.type()) {
    case 'x':
      extensions.pax.parse(extensionText(header, "PAX header"));
      return true;
    case 'g': {
      PaxRecords records;
      records.parse(extensionText(header, "global PAX header"));
      global_.merge(records);
      if (global_.size() > maxExtensionSize)
        corrupt("tar: the global PAX headers are larger than 1 MiB together");
      return true;
    }
    case 'L':
      extensions.longName = extensionText(header, "long name");
      return true;
    case 'K':
      extensions.longLink = extensionText(header, "long link name");
      return true;
    default:
      return false;
  }
}

std::string TarReader::extensionText(const TarHeader& header, const char* what) {
  const int64_t size = header.size();
  const char type = header.type();
  if (size < 0 || static_cast<uint64_t>(size) > maxExtensionSize) {
    corrupt(std::string("tar: a ") + what + " is larger than 1 MiB");
  }
  std::string text = reader_.text(static_cast<uint64_t>(size));
  reader_.skip(paddingOf(text.size()));
  const bool isName = type == 'L' || type == 'K';
  if (isName) text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

TarEntry TarReader::describe(const TarHeader& header, const Extensions& extensions) {
  PaxRecords pax = global_;
  pax.merge(extensions.pax);
  TarEntry entry;
  const auto paxPath = pax.find("GNU.sparse.name") ? pax.find("GNU.sparse.name") : pax.find("path");
  entry.path = textOr(paxPath, extensions.longName, header.path());
  entry.type = typeOf(header.type(), entry.path);
  entry.target = textOr(pax.find("linkpath"), extensions.longLink, header.linkTarget());
  refuseNul(entry.path, entry.path);
  refuseNul(entry.path, entry.target);
  entry.mode = static_cast<mode_t>(header.mode() & 07777);
  const auto uid = pax.number("uid");
  const auto gid = pax.number("gid");
  entry.uid = idOf(uid ? *uid : header.uid(), "uid", entry.path);
  entry.gid = idOf(gid ? *gid : header.gid(), "gid", entry.path);
  const auto mtime = pax.time("mtime");
  entry.mtime = mtime ? *mtime : timespec{header.mtime(), 0};
  if (entry.type == EntryType::charDevice || entry.type == EntryType::blockDevice) {
    entry.deviceMajor = deviceNumber(header.deviceMajor(), entry.path);
    entry.deviceMinor = deviceNumber(header.deviceMinor(), entry.path);
  }
  entry.xattrs = pax.xattrs();
  describeData(header, pax, entry);
  return entry;
}

// Only regular files have data: old writers left the file's size in the headers of its hard links.
void TarReader::describeData(const TarHeader& header, const PaxRecords& pax, TarEntry& entry) {
  if (entry.type != EntryType::regular) return;
  const auto paxSize = pax.number("size");
  const int64_t written = paxSize ? *paxSize : header.size();
  if (written < 0 || static_cast<uint64_t>(written) > maxSize) {
    corrupt("tar: entry " + quoted(entry.path) + " has a size out of range");
  }
  const auto stored = static_cast<uint64_t>(written);
  padding_ = paddingOf(stored);
  // The header's block is gone once the reader is used again: the flag is asked first.
  const bool isOldSparse = header.type() == 'S';
  const auto map =
      isOldSparse ? std::optional(readOldGnuMap(header, reader_)) : readPaxMap(pax, reader_, stored);
  entry.dataAt = reader_.position();
  if (!map) {
    remaining_ = entry.size = stored;
    if (stored > 0) entry.extents.push_back({0, stored});
    return;
  }
  remaining_ = stored - map->mapBytes;
  verifySparseMap(*map, remaining_);
  if (map->size > maxSize) corrupt("tar: entry " + quoted(entry.path) + " has a size out of range");
  entry.size = map->size;
  entry.extents = map->extents;
}

}  // namespace strake::layer
