// Internet addresses, of both families.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace strake::net {

/// An IPv4 or IPv6 address in network byte order. Without a family it is none.
class Ip {
 public:
  Ip() = default;
  /// Throws sys::Error ERR_INVALID_ARGUMENT for what is no address.
  static Ip parse(const std::string& text);
  static Ip of(int family, std::string_view bytes);

  int family() const noexcept { return family_; }
  bool isV4() const noexcept { return family_ == AF_INET; }
  explicit operator bool() const noexcept { return family_ != AF_UNSPEC; }
  /// 4 or 16 bytes.
  std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), isV4() ? 4U : 16U};
  }
  std::string text() const;
  bool isLoopback() const noexcept;
  /// 0.0.0.0 and ::
  bool isAny() const noexcept;
  /// The first address of the subnet of that prefix.
  Ip subnet(unsigned prefix) const;
  /// With as many leading ones as `prefix` says: 255.255.0.0.
  Ip mask(unsigned prefix) const;
  bool operator==(const Ip&) const = default;

  /// For bind(2) and connect(2).
  socklen_t socketAddress(uint16_t port, sockaddr_storage& storage) const;

 private:
  size_t size() const noexcept { return isV4() ? 4 : 16; }
  int family_ = AF_UNSPEC;
  std::array<uint8_t, 16> bytes_{};
};

/// An address on an interface, with the length of its subnet's prefix.
struct IpPrefix {
  Ip address;
  unsigned length = 0;
};

/// The link-local address of an interface with that MAC address (six bytes): RFC 4291, appendix A.
IpPrefix linkLocalOf(const std::string& mac);

/// "02:42:ac:11:00:02" as six bytes. Throws sys::Error ERR_INVALID_ARGUMENT.
std::string parseMac(const std::string& text);

}  // namespace strake::net
