// A conversation with the kernel over one netlink socket: requests that are acknowledged, several at once,
// and dumps. What the kernel refuses is a SysError with its errno, the name of the request, and the object,
// followed by the kernel's own words where it has any (extended acknowledgement, Linux 4.12).
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/message.h"
#include "sys/unique_fd.h"

namespace strake::net {

/// One message of an answer; borrows the buffer that it was read into.
struct Answer {
  uint16_t type = 0;
  std::string_view payload;  // body and attributes

  template <typename Body>
  Body body() const {
    Body value{};
    std::memcpy(&value, payload.data(), std::min(sizeof value, payload.size()));
    return value;
  }
  /// Those behind a body of that type.
  template <typename Body>
  std::string_view attributes() const {
    return payload.substr(std::min<size_t>(NLMSG_ALIGN(sizeof(Body)), payload.size()));
  }
};

class Netlink {
 public:
  /// `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER. In the namespace that `netns` has open, or (-1) the
  /// caller's.
  Netlink(int protocol, int netns = -1);
  /// By a socket that somebody else has made.
  explicit Netlink(sys::UniqueFd socket);

  /// Sends the request and waits for its acknowledgement. Throws SysError(errno, `call`, the message's
  /// object).
  void request(Message& message, const char* call);
  /// The same for several, in one system call each way; the kernel makes them in their order. The first that
  /// failed is thrown; those behind it were made all the same.
  void requestAll(std::span<Message> messages, const char* call);
  /// All or none: a transaction of nfnetlink. Throws the first error.
  void commit(std::span<Message> messages, const char* call);
  /// Asks for one object. False when there is none (ENOENT, ENODEV).
  bool get(Message& message, const char* call, const std::function<void(const Answer&)>& found);
  /// Every object of a dump; begun again when it was interrupted by a change.
  void dump(Message& message, const char* call, const std::function<void(const Answer&)>& each);

 private:
  struct Refusal {
    int error = 0;
    uint32_t sequence = 0;
    std::string words;
  };
  /// Reads datagrams until `handle` says that it was the last message.
  void receive(const char* call, const std::function<bool(const nlmsghdr&, std::string_view)>& handle);
  void send(std::string_view bytes, const char* call);
  static Refusal refusalOf(const nlmsghdr& header, std::string_view payload);
  [[noreturn]] static void fail(const Refusal& refusal, const char* call, std::string object);
  bool dumpOnce(Message& message, const char* call, const std::function<void(const Answer&)>& each);

  sys::UniqueFd socket_;
  uint32_t sequence_ = 0;
  std::string buffer_;
};

}  // namespace strake::net
