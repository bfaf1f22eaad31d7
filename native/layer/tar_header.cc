#include "layer/tar_header.h"

#include <algorithm>
#include <limits>

#include "layer/error.h"

namespace strake::layer {

namespace {

constexpr size_t checksumOffset = 148;
constexpr size_t checksumSize = 8;

[[noreturn]] void badNumber(const char* what) {
  corrupt(std::string("tar: the field ") + what + " is no number");
}

/// GNU base-256: big-endian two's complement, the top bit of the first byte is only the mark.
int64_t parseBase256(std::string_view field, const char* what) {
  const bool negative = (field[0] & 0x40) != 0;
  __int128 value = negative ? -1 : 0;
  value = value << 6 | (static_cast<unsigned char>(field[0]) & 0x3f);
  for (const char byte : field.substr(1)) {
    value = value << 8 | static_cast<unsigned char>(byte);
    if (value > std::numeric_limits<int64_t>::max() || value < std::numeric_limits<int64_t>::min())
      badNumber(what);
  }
  return static_cast<int64_t>(value);
}

int64_t parseOctal(std::string_view field, const char* what) {
  const auto isBlank = [](char c) { return c == ' ' || c == '\0'; };
  const auto begin = std::find_if_not(field.begin(), field.end(), isBlank);
  const auto end = std::find_if(begin, field.end(), isBlank);
  int64_t value = 0;
  for (auto digit = begin; digit != end; ++digit) {
    if (*digit < '0' || *digit > '7') badNumber(what);
    value = value << 3 | (*digit - '0');
  }
  return value;
}

}  // namespace

int64_t parseTarNumber(std::string_view field, const char* what) {
  return (field[0] & 0x80) != 0 ? parseBase256(field, what) : parseOctal(field, what);
}

int64_t TarHeader::number(size_t offset, size_t size, const char* what) const {
  return parseTarNumber(raw(offset, size), what);
}

bool TarHeader::isZero() const {
  return std::all_of(block_.begin(), block_.end(), [](char byte) { return byte == 0; });
}

// Some old writers summed signed bytes.
void TarHeader::verify() const {
  int64_t sum = checksumSize * ' ';
  int64_t signedSum = sum;
  for (size_t i = 0; i < blockSize; ++i) {
    if (i >= checksumOffset && i < checksumOffset + checksumSize) continue;
    sum += static_cast<unsigned char>(block_[i]);
    signedSum += static_cast<signed char>(block_[i]);
  }
  const int64_t written = number(checksumOffset, checksumSize, "checksum");
  if (written != sum && written != signedSum)
    corrupt("tar: a header's checksum is wrong: this is no tar, or damaged");
}

std::string_view TarHeader::field(size_t offset, size_t size) const {
  const std::string_view whole = raw(offset, size);
  return whole.substr(0, whole.find('\0'));
}

std::string TarHeader::path() const {
  const std::string_view name = field(0, 100);
  if (raw(257, 6) != std::string_view("ustar\0", 6)) return std::string(name);
  const bool isStar = raw(508, 4) == std::string_view("tar\0", 4);
  const std::string_view prefix = field(345, isStar ? 131 : 155);
  return prefix.empty() ? std::string(name) : std::string(prefix).append("/").append(name);
}

}  // namespace strake::layer
