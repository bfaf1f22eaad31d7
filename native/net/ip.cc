#include "net/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "sys/error.h"

namespace strake::net {

Ip Ip::parse(const std::string& text) {
  Ip ip;
  if (::inet_pton(AF_INET, text.c_str(), ip.bytes_.data()) == 1)
    ip.family_ = AF_INET;
  else if (::inet_pton(AF_INET6, text.c_str(), ip.bytes_.data()) == 1)
    ip.family_ = AF_INET6;
  else
    throw sys::Error("ERR_INVALID_ARGUMENT", "\"" + text.substr(0, 60) + "\" is no IP address");
  return ip;
}

Ip Ip::of(int family, std::string_view bytes) {
  Ip ip;
  ip.family_ = family;
  std::memcpy(ip.bytes_.data(), bytes.data(), std::min(bytes.size(), ip.size()));
  return ip;
}

std::string Ip::text() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (*this) ::inet_ntop(family_, bytes_.data(), text, sizeof text);
  return text;
}

bool Ip::isLoopback() const noexcept {
  if (isV4()) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t byte) { return byte == 0; }) &&
         bytes_[15] == 1;
}

bool Ip::isAny() const noexcept {
  return std::ranges::all_of(bytes_, [](uint8_t byte) { return byte == 0; });
}

Ip Ip::subnet(unsigned prefix) const {
  Ip first = *this;
  const Ip kept = mask(prefix);
  for (size_t n = 0; n < size(); ++n) first.bytes_[n] &= kept.bytes_[n];
  return first;
}

Ip Ip::mask(unsigned prefix) const {
  Ip mask;
  mask.family_ = family_;
  for (unsigned bit = 0; bit < prefix && bit < 8 * size(); ++bit)
    mask.bytes_[bit / 8] |= static_cast<uint8_t>(0x80U >> bit % 8);
  return mask;
}

socklen_t Ip::socketAddress(uint16_t port, sockaddr_storage& storage) const {
  storage = {};
  if (isV4()) {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    std::memcpy(&address.sin_addr, bytes_.data(), 4);
    return sizeof address;
  }
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  std::memcpy(&address.sin6_addr, bytes_.data(), 16);
  return sizeof address;
}

IpPrefix linkLocalOf(const std::string& mac) {
  std::string bytes("\xfe\x80\0\0\0\0\0\0", 8);
  bytes += static_cast<char>(mac.at(0) ^ 2);
  bytes += mac.substr(1, 2) + "\xff\xfe" + mac.substr(3, 3);
  return {Ip::of(AF_INET6, bytes), 64};
}

std::string parseMac(const std::string& text) {
  unsigned part[6];
  char rest = 0;
  const int found = std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", part, part + 1, part + 2, part + 3,
                                part + 4, part + 5, &rest);
  if (found != 6 || text.size() != 17)
    throw sys::Error("ERR_INVALID_ARGUMENT", "\"" + text.substr(0, 60) + "\" is no MAC address");
  std::string mac;
  for (const unsigned byte : part) mac.push_back(static_cast<char>(byte));
  return mac;
}

}  // namespace strake::net
