#include "layer/pax.h"

#include <algorithm>
#include <charconv>

#include "layer/error.h"

namespace strake::layer {

namespace {

constexpr std::string_view schily = "SCHILY.xattr.";
constexpr std::string_view libarchive = "LIBARCHIVE.xattr.";

[[noreturn]] void malformed() {
  corrupt("tar: a PAX header holds a malformed record");
}

int digitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decodePercent(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool encoded =
        text[i] == '%' && i + 2 < text.size() && digitOf(text[i + 1]) >= 0 && digitOf(text[i + 2]) >= 0;
    result.push_back(encoded ? static_cast<char>(digitOf(text[i + 1]) << 4 | digitOf(text[i + 2])) : text[i]);
    if (encoded) i += 2;
  }
  return result;
}

int sextetOf(char c) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t at = alphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// RFC 4648 section 4, with or without padding (libarchive writes none).
std::string decodeBase64(std::string_view text) {
  std::string result;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const int sextet = sextetOf(c);
    if (sextet < 0) malformed();
    bits = bits << 6 | static_cast<uint32_t>(sextet);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    result.push_back(static_cast<char>(bits >> held));
  }
  return result;
}

}  // namespace

int64_t parseDecimal(std::string_view text, std::string_view what) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    corrupt("tar: the PAX record " + quoted(what) + " is no number");
  }
  return value;
}

void PaxRecords::parse(std::string_view data) {
  while (!data.empty()) {
    if (data.find_first_not_of('\0') == std::string_view::npos) return;  // padding, as some writers leave
    const size_t space = data.find(' ');
    size_t length = 0;
    const auto [end, error] =
        std::from_chars(data.data(), data.data() + std::min(space, data.size()), length);
    if (error != std::errc() || space == std::string_view::npos || end != data.data() + space) malformed();
    if (length > data.size() || length < space + 3 || data[length - 1] != '\n') malformed();
    const std::string_view record = data.substr(space + 1, length - space - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) malformed();
    add(record.substr(0, equals), record.substr(equals + 1));
    data.remove_prefix(length);
  }
}

void PaxRecords::add(std::string_view key, std::string_view value) {
  if (key == "GNU.sparse.offset") {
    sparse00_.push_back({static_cast<uint64_t>(parseDecimal(value, key)), 0});
  } else if (key == "GNU.sparse.numbytes") {
    if (sparse00_.empty()) malformed();
    sparse00_.back().size = static_cast<uint64_t>(parseDecimal(value, key));
  } else {
    records_.insert_or_assign(std::string(key), std::string(value));
  }
}

void PaxRecords::merge(const PaxRecords& over) {
  for (const auto& [key, value] : over.records_) records_.insert_or_assign(key, value);
  if (!over.sparse00_.empty()) sparse00_ = over.sparse00_;
}

std::optional<std::string_view> PaxRecords::find(const std::string& key) const {
  const auto found = records_.find(key);
  if (found == records_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<int64_t> PaxRecords::number(const std::string& key) const {
  const auto value = find(key);
  if (!value) return std::nullopt;
  return parseDecimal(*value, key);
}

// "[-]SECONDS[.FRACTION]"; digits past the nanosecond are cut off towards the past, as for a clock that has
// not ticked.
std::optional<timespec> PaxRecords::time(const std::string& key) const {
  const auto value = find(key);
  if (!value) return std::nullopt;
  const size_t point = value->find('.');
  const bool negative = value->starts_with('-');
  timespec result = {parseDecimal(value->substr(0, point), key), 0};
  if (point == std::string_view::npos) return result;
  std::string fraction(value->substr(point + 1, 9));
  if (fraction.find_first_not_of("0123456789") != std::string::npos) malformed();
  fraction.append(9 - fraction.size(), '0');
  result.tv_nsec = parseDecimal(fraction, key);
  if (negative && result.tv_nsec > 0) {
    --result.tv_sec;
    result.tv_nsec = 1'000'000'000 - result.tv_nsec;
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> PaxRecords::xattrs() const {
  std::map<std::string, std::string> found;
  for (const auto& [key, value] : records_) {
    if (key.starts_with(libarchive)) {
      found[decodePercent(std::string_view(key).substr(libarchive.size()))] = decodeBase64(value);
    }
  }
  for (const auto& [key, value] : records_) {
    if (key.starts_with(schily)) found[key.substr(schily.size())] = value;
  }
  return {found.begin(), found.end()};
}

void PaxRecords::clear() {
  records_.clear();
  sparse00_.clear();
}

size_t PaxRecords::size() const {
  size_t total = sparse00_.size() * sizeof(Extent);
  for (const auto& [key, value] : records_) total += key.size() + value.size();
  return total;
}

}  // namespace strake::layer
