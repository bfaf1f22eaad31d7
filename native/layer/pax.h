// PAX extended headers (POSIX.1-2001 pax, "pax Extended Header"): records "LENGTH KEY=VALUE\n".
#pragma once
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "layer/tar_entry.h"

namespace strake::layer {

/// What a header's records say. Later records win; an empty value takes back what a global header said.
class PaxRecords {
 public:
  /// Adds the records of one header. Throws ERR_LAYER_CORRUPT.
  void parse(std::string_view data);
  /// Lays `over` upon these.
  void merge(const PaxRecords& over);

  /// The value of a key: absent, or not empty.
  std::optional<std::string_view> find(const std::string& key) const;
  /// Of keys whose value is a whole number.
  std::optional<int64_t> number(const std::string& key) const;
  std::optional<timespec> time(const std::string& key) const;

  /// SCHILY.xattr.NAME (raw) and LIBARCHIVE.xattr.NAME (name percent-encoded, value base64; the weaker of the
  /// two).
  std::vector<std::pair<std::string, std::string>> xattrs() const;
  /// GNU.sparse 0.0: offset and numbytes records, in the order written.
  const std::vector<Extent>& sparse00() const { return sparse00_; }

  bool empty() const { return records_.empty() && sparse00_.empty(); }
  void clear();
  /// Bytes that keys and values take.
  size_t size() const;

 private:
  void add(std::string_view key, std::string_view value);

  std::map<std::string, std::string, std::less<>> records_;
  std::vector<Extent> sparse00_;
};

/// A decimal number of at most 2^63-1; `what` is for the error. Throws ERR_LAYER_CORRUPT.
int64_t parseDecimal(std::string_view text, std::string_view what);

}  // namespace strake::layer
