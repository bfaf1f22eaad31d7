#include "layer/tar_writer.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string_view>

#include "layer/block_reader.h"

namespace strake::layer {

namespace {

constexpr Block zeros = {};

/// The largest number that a field of so many bytes takes: octal digits and a NUL.
constexpr uint64_t largest(size_t width) {
  return (uint64_t{1} << 3 * (width - 1)) - 1;
}

char typeOf(EntryType type) {
  switch (type) {
    case EntryType::regular:
      return '0';
    case EntryType::hardLink:
      return '1';
    case EntryType::symlink:
      return '2';
    case EntryType::charDevice:
      return '3';
    case EntryType::blockDevice:
      return '4';
    case EntryType::directory:
      return '5';
    case EntryType::fifo:
      return '6';
  }
  throw std::logic_error("an entry of no type");
}

/// A header block under construction.
class HeaderBlock {
 public:
  void text(size_t at, size_t width, std::string_view value) {
    std::memcpy(block_.data() + at, value.data(), std::min(width, value.size()));
  }
  /// What is too large is left at 0: a PAX record has it.
  void number(size_t at, size_t width, uint64_t value) {
    if (value > largest(width)) value = 0;
    char digits[24];
    std::snprintf(digits, sizeof digits, "%0*llo", static_cast<int>(width - 1),
                  static_cast<unsigned long long>(value));
    text(at, width, digits);
  }
  void type(char type) { block_[156] = type; }
  std::string_view seal() {
    text(257, 8, {"ustar\00000", 8});
    text(148, 8, "        ");
    unsigned sum = 0;
    for (const char byte : block_) sum += static_cast<unsigned char>(byte);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum & 0777777);
    text(148, 7, {digits, 7});
    return {block_.data(), block_.size()};
  }

 private:
  Block block_ = {};
};

/// "LENGTH KEY=VALUE\n", where the length counts its own digits.
std::string record(const std::string& key, const std::string& value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

bool isPlain(std::string_view text, size_t width) {
  if (text.size() > width) return false;
  for (const char byte : text)
    if (static_cast<signed char>(byte) <= 0) return false;
  return true;
}

/// Seconds with as many decimals as there are.
std::string timeText(const timespec& time) {
  const bool negative = time.tv_sec < 0 && time.tv_nsec > 0;
  const int64_t seconds = negative ? time.tv_sec + 1 : time.tv_sec;
  const long nanoseconds = negative ? 1'000'000'000 - time.tv_nsec : time.tv_nsec;
  std::string text = (negative && seconds == 0 ? "-" : "") + std::to_string(seconds);
  if (nanoseconds == 0) return text;
  char digits[24];
  std::snprintf(digits, sizeof digits, ".%09ld", nanoseconds);
  text += digits;
  return text.substr(0, text.find_last_not_of('0') + 1);
}

bool fitsHeader(const timespec& time) {
  return time.tv_nsec == 0 && time.tv_sec >= 0 && static_cast<uint64_t>(time.tv_sec) <= largest(12);
}

uint64_t sizeOf(const TarEntry& entry) {
  return entry.type == EntryType::regular ? entry.size : 0;
}

/// All records that an entry needs, sorted.
std::string paxRecords(const TarEntry& entry, const std::string& path) {
  std::map<std::string, std::string> records;
  if (!isPlain(path, 100)) records["path"] = path;
  if (!isPlain(entry.target, 100)) records["linkpath"] = entry.target;
  if (sizeOf(entry) > largest(12)) records["size"] = std::to_string(entry.size);
  if (entry.uid > largest(8)) records["uid"] = std::to_string(entry.uid);
  if (entry.gid > largest(8)) records["gid"] = std::to_string(entry.gid);
  if (!fitsHeader(entry.mtime)) records["mtime"] = timeText(entry.mtime);
  for (const auto& [name, value] : entry.xattrs) records["SCHILY.xattr." + name] = value;
  std::string text;
  for (const auto& [key, value] : records) text += record(key, value);
  return text;
}

/// For those who do not know PAX: they unpack its header as a file of that name. Plain ASCII of at most 100
/// bytes.
std::string paxName(const std::string& path) {
  std::string name = path.substr(0, path.find_last_not_of('/') + 1);
  name = "PaxHeaders/" + name.substr(name.rfind('/') + 1).substr(0, 80);
  for (char& byte : name)
    if (static_cast<signed char>(byte) < ' ') byte = '_';
  return name;
}

}  // namespace

void TarWriter::add(const TarEntry& entry) {
  if (missing_ > 0) throw std::logic_error("tar: an entry was begun inside another's contents");
  std::string path = entry.path;
  if (entry.type == EntryType::directory && !path.ends_with('/')) path += '/';
  if (const std::string records = paxRecords(entry, path); !records.empty()) writePax(records, path);
  writeHeader(entry, path);
  missing_ = sizeOf(entry);
  padding_ = (blockSize - missing_ % blockSize) % blockSize;
}

void TarWriter::writeHeader(const TarEntry& entry, const std::string& path) {
  HeaderBlock header;
  header.text(0, 100, path);
  header.number(100, 8, entry.mode & 07777);
  header.number(108, 8, entry.uid);
  header.number(116, 8, entry.gid);
  header.number(124, 12, sizeOf(entry));
  header.number(136, 12, entry.mtime.tv_sec < 0 ? 0 : static_cast<uint64_t>(entry.mtime.tv_sec));
  header.type(typeOf(entry.type));
  header.text(157, 100, entry.target);
  header.number(329, 8, entry.deviceMajor);
  header.number(337, 8, entry.deviceMinor);
  write(header.seal());
}

void TarWriter::writePax(const std::string& records, const std::string& path) {
  HeaderBlock header;
  header.text(0, 100, paxName(path));
  header.number(100, 8, 0644);
  header.number(108, 8, 0);
  header.number(116, 8, 0);
  header.number(124, 12, records.size());
  header.number(136, 12, 0);
  header.type('x');
  header.number(329, 8, 0);
  header.number(337, 8, 0);
  write(header.seal());
  write(records);
  pad((blockSize - records.size() % blockSize) % blockSize);
}

void TarWriter::data(std::span<const uint8_t> bytes) {
  if (bytes.size() > missing_) throw std::logic_error("tar: more contents than the entry's size");
  sink_.write(bytes);
  missing_ -= bytes.size();
  if (missing_ > 0) return;
  pad(padding_);
  padding_ = 0;
}

void TarWriter::finish() {
  if (missing_ > 0) throw std::logic_error("tar: ended inside an entry's contents");
  pad(blockSize);
  pad(blockSize);
}

void TarWriter::pad(uint64_t size) {
  write({zeros.data(), size});
}

void TarWriter::write(std::string_view bytes) {
  if (!bytes.empty()) sink_.write({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace strake::layer
