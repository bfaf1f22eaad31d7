// A published port as a socket of this host: it keeps the port from everybody else, and serves whom the
// kernel does not lead to the container: who comes by a loopback address, or by another family of addresses
// than the container has.
#pragma once
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "monitor/event_loop.h"
#include "monitor/tcp_relay.h"
#include "net/ip.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

/// Where something listens, or is to be led to.
struct SocketAddress {
  net::Ip address;
  uint16_t port = 0;
};

/// A socket that holds the port; of TCP it listens. `port` 0: one that is free. `netns`: see net::socketIn.
/// Throws SysError bind: EADDRINUSE, EADDRNOTAVAIL.
sys::UniqueFd holdPort(int netns, uint8_t protocol, const net::Ip& address, uint16_t port);
/// Who waits at a listener that `watcher` watches for EPOLLIN; nothing: nobody, or there is no descriptor
/// left. Then the listener pauses, and they wait on.
sys::UniqueFd acceptFrom(EventLoop& loop, int listener, Watcher* watcher) noexcept;
/// The port that a socket is bound to.
uint16_t portOf(int socket);

class PortProxy {
 public:
  virtual ~PortProxy() = default;
  /// A socket of that family and type where the container is reached from. Throws SysError.
  using MakeSocket = std::function<sys::UniqueFd(int family, int type)>;
  /// Serves `held` until it is destroyed.
  static std::unique_ptr<PortProxy> make(EventLoop& loop, uint8_t protocol, sys::UniqueFd held,
                                         const SocketAddress& target, MakeSocket makeSocket);
};

}  // namespace strake::monitor
