// One netlink message in the making (netlink(7)): a header, a fixed body, and attributes that may nest.
#pragma once
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace strake::net {

class Message {
 public:
  /// `flags` beside NLM_F_REQUEST.
  Message(uint16_t type, uint16_t flags);

  /// The fixed part that the type demands (ifinfomsg, nfgenmsg …), before any attribute.
  template <typename Body>
  Message& body(const Body& value) {
    pad();
    append(&value, sizeof value);
    return *this;
  }

  Message& attribute(uint16_t type, std::span<const char> value);
  /// With its NUL, as every name in netlink.
  Message& text(uint16_t type, std::string_view value);
  Message& flag(uint16_t type) { return attribute(type, {}); }
  Message& u8(uint16_t type, uint8_t value) { return number(type, value); }
  Message& u16(uint16_t type, uint16_t value) { return number(type, value); }
  Message& u32(uint16_t type, uint32_t value) { return number(type, value); }
  /// In network byte order.
  Message& big16(uint16_t type, uint16_t value);
  Message& big32(uint16_t type, uint32_t value);
  Message& big64(uint16_t type, uint64_t value);

  /// Everything that `fill` adds becomes the value of one attribute.
  template <typename Fill>
  Message& nest(uint16_t type, Fill fill) {
    const size_t at = open(type);
    fill(*this);
    close(at);
    return *this;
  }

  void setSequence(uint32_t sequence);
  uint32_t sequence() const;
  uint16_t flags() const;
  void addFlags(uint16_t flags);
  /// The whole message, its length filled in.
  std::string_view bytes() const noexcept { return data_; }

  /// What the message is about, for an error ("bridge strake0").
  Message& about(std::string_view object) {
    object_ = object;
    return *this;
  }
  const std::string& object() const noexcept { return object_; }

 private:
  template <typename Number>
  Message& number(uint16_t type, Number value) {
    return attribute(type, {reinterpret_cast<const char*>(&value), sizeof value});
  }
  nlmsghdr header() const;
  void setHeader(const nlmsghdr& header);
  void append(const void* bytes, size_t size);
  void pad();
  size_t open(uint16_t type);
  void close(size_t at);

  std::string data_, object_;
};

/// An attribute of an answer; `value` borrows the answer.
struct Attribute {
  uint16_t type = 0;  // without NLA_F_NESTED
  std::string_view value;

  template <typename Number>
  Number as() const {
    Number number{};
    std::memcpy(&number, value.data(), std::min(sizeof number, value.size()));
    return number;
  }
  /// Without its NUL.
  std::string text() const { return std::string(value.substr(0, value.find('\0'))); }
};

/// The attributes in `bytes`, one after the other; what is malformed ends them.
class Attributes {
 public:
  explicit Attributes(std::string_view bytes) : bytes_(bytes) {}
  /// False: there are no more.
  bool next(Attribute& attribute);
  /// The first of that type; its value is empty, and data() null, when there is none.
  static Attribute find(std::string_view bytes, uint16_t type);

 private:
  std::string_view bytes_;
};

}  // namespace strake::net
