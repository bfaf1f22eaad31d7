// Tars for tests, header by header, honest or hostile.
#pragma once
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "layer/byte_source.h"

namespace strake::layer::test {

class TarBuilder {
 public:
  struct Header {
    std::string path;
    char type = '0';
    std::string data = {};
    std::string target = {};
    unsigned mode = 0644;
    unsigned uid = 0;
    unsigned gid = 0;
    int64_t mtime = 1000;
    unsigned major = 0;
    unsigned minor = 0;
    /// Overrides data.size() in the header.
    std::string rawSize = {};
  };

  TarBuilder& add(const Header& header) {
    append(block(header), header.data);
    return *this;
  }
  TarBuilder& file(const std::string& path, const std::string& data = "data") {
    return add({.path = path, .data = data});
  }
  TarBuilder& directory(const std::string& path, unsigned mode = 0755) {
    return add({.path = path, .type = '5', .mode = mode});
  }
  TarBuilder& symlink(const std::string& path, const std::string& target) {
    return add({.path = path, .type = '2', .target = target, .mode = 0777});
  }
  TarBuilder& hardLink(const std::string& path, const std::string& target) {
    return add({.path = path, .type = '1', .target = target});
  }
  /// A PAX header with these records.
  TarBuilder& pax(const std::vector<std::pair<std::string, std::string>>& records, char type = 'x') {
    std::string data;
    for (const auto& [key, value] : records) data += record(key, value);
    return add({.path = "PaxHeader", .type = type, .data = data});
  }
  TarBuilder& raw(const std::string& bytes) {
    tar_ += bytes;
    return *this;
  }

  static std::string record(const std::string& key, const std::string& value) {
    const size_t rest = key.size() + value.size() + 3;
    size_t length = rest + 1;
    while (std::to_string(length).size() + rest != length) ++length;
    return std::to_string(length) + " " + key + "=" + value + "\n";
  }

  /// With the two zero blocks of the end.
  std::string end() const { return tar_ + std::string(1024, '\0'); }
  std::string cut() const { return tar_; }

  static std::string block(const Header& header) {
    std::string b(512, '\0');
    const auto put = [&b](size_t at, std::string_view text) { b.replace(at, text.size(), text); };
    const auto octal = [&put](size_t at, int width, uint64_t value) {
      char text[32];
      std::snprintf(text, sizeof text, "%0*llo", width - 1, static_cast<unsigned long long>(value));
      put(at, text);
    };
    put(0, std::string_view(header.path).substr(0, 100));
    octal(100, 8, header.mode);
    octal(108, 8, header.uid);
    octal(116, 8, header.gid);
    octal(124, 12, header.data.size());
    if (!header.rawSize.empty()) put(124, header.rawSize);
    octal(136, 12, static_cast<uint64_t>(header.mtime));
    b[156] = header.type;
    put(157, std::string_view(header.target).substr(0, 100));
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    octal(329, 8, header.major);
    octal(337, 8, header.minor);
    seal(b);
    return b;
  }

  static void seal(std::string& b) {
    b.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char byte : b) sum += static_cast<unsigned char>(byte);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    b.replace(148, 7, text, 7);
  }

 private:
  void append(const std::string& header, const std::string& data) {
    tar_ += header + data;
    tar_.resize((tar_.size() + 511) / 512 * 512);
  }

  std::string tar_;
};

/// A tar in memory, handed out in pieces of `piece` bytes.
class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes, size_t piece = 1000) : bytes_(std::move(bytes)), piece_(piece) {}
  std::span<const uint8_t> next() override {
    const size_t size = std::min(piece_, bytes_.size() - at_);
    at_ += size;
    return {reinterpret_cast<const uint8_t*>(bytes_.data()) + at_ - size, size};
  }

 private:
  std::string bytes_;
  size_t piece_;
  size_t at_ = 0;
};

}  // namespace strake::layer::test
