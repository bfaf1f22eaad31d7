#include "layer/entries.h"

#include "layer/entry_path.h"
#include "layer/error.h"

namespace strake::layer {

namespace {

constexpr uint64_t maxAwaitedBytes = 64 << 20;
constexpr uint64_t maxImpliedBytes = 64 << 20;

void makeEntry(TarReader& reader, EntryMaker& maker, const TarEntry& entry) {
  const std::string path = normalise(entry.path);
  if (path.empty()) {
    if (entry.type != EntryType::directory)
      unsafe("tar: entry " + quoted(entry.path) + " would replace the root");
    return maker.describeRoot(entry);
  }
  switch (whiteoutOf(path)) {
    case Whiteout::ignored:
      return;
    case Whiteout::opaque:
      return maker.makeOpaque(std::string(parentOf(path)));
    case Whiteout::name:
      return maker.makeWhiteout(whitedOut(path));
    case Whiteout::none:
      return maker.make(reader, entry, path);
  }
}

}  // namespace

uint64_t makeEntries(TarReader& reader, EntryMaker& maker, uint64_t maxEntries) {
  uint64_t entries = 0;
  while (const std::optional<TarEntry> entry = reader.next()) {
    if (++entries + maker.implied().count > maxEntries) {
      tooLarge("tar: more than " + std::to_string(maxEntries) + " entries, at " + quoted(entry->path));
    }
    makeEntry(reader, maker, *entry);
    if (maker.implied().pathBytes > maxImpliedBytes)
      tooLarge("tar: the directories that no entry names have paths of more than " +
               std::to_string(maxImpliedBytes) + " bytes, at " + quoted(entry->path));
  }
  reader.drain();
  return entries;
}

void verifySymlink(const TarEntry& entry) {
  if (!entry.target.empty() && entry.target.size() <= maxPath) return;
  corrupt("tar: the symlink " + quoted(entry.path) + " has a target of " +
          std::to_string(entry.target.size()) + " bytes: Linux allows 1 to 4095");
}

void refuseLinkToDirectory(const TarEntry& entry) {
  corrupt("tar: entry " + quoted(entry.path) + " is a hard link to " + quoted(entry.target) +
          ", which is a directory");
}

void refuseLinkToBelow(const std::string& path, const std::string& target) {
  corrupt("tar: entry " + quoted(path) + " is a hard link to " + quoted(target) +
          ", which is in the directory that the link would replace");
}

void refuseLinkAsDirectory(const std::string& path) {
  corrupt("tar: " + quoted(path) + ", a hard link to a file of another layer, is used as a directory");
}

void refuseLostLink(const std::string& path, const std::string& target) {
  corrupt("tar: entry " + quoted(path) + " is a hard link to " + quoted(target) +
          ", which is no file of this layer or of those below");
}

void AwaitedNames::count(uint64_t bytes, const TarEntry& entry) {
  if ((bytes_ += bytes) <= maxAwaitedBytes) return;
  tooLarge("tar: the hard links to files of other layers have names of more than " +
           std::to_string(maxAwaitedBytes) + " bytes, at " + quoted(entry.path));
}

}  // namespace strake::layer
