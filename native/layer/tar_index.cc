#include "layer/tar_index.h"

#include "layer/file_source.h"
#include "layer/tar_reader.h"
#include "sys/error.h"

namespace strake::layer {

namespace {

/// Headers stand alone between contents that are passed over: larger reads would be for nothing.
constexpr size_t headerRead = 16 << 10;

[[noreturn]] void invalid(const std::string& path, const std::string& complaint) {
  throw sys::Error("ERR_ARCHIVE_INVALID", path + ": " + complaint);
}

TarMember memberOf(const TarEntry& entry, const std::string& archive) {
  const bool whole = entry.extents.size() == 1 && entry.extents[0].size == entry.size;
  if (entry.size > 0 && !whole) invalid(archive, "the member " + entry.path.substr(0, 200) + " is sparse");
  return {.type = entry.type,
          .path = entry.path,
          .target = entry.target,
          .offset = entry.dataAt,
          .size = entry.size};
}

}  // namespace

std::vector<TarMember> indexTar(const std::string& path, uint64_t maxMembers) {
  FileSource source(path, headerRead);
  TarReader reader(source);
  std::vector<TarMember> members;
  try {
    while (const std::optional<TarEntry> entry = reader.next()) {
      if (members.size() == maxMembers)
        invalid(path, "it has more than " + std::to_string(maxMembers) + " members");
      members.push_back(memberOf(*entry, path));
    }
  } catch (const sys::Error& error) {
    if (error.code() != "ERR_LAYER_CORRUPT") throw;
    invalid(path, error.what());
  }
  return members;
}

}  // namespace strake::layer
