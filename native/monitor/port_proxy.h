// A published port as a socket of this host: it keeps the port from everybody else, and serves whom the
// kernel does not lead to the container: who comes by a loopback address, or by another family of addresses
// than the container has.
#pragma once
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
  /// Serves `held` until it is destroyed. `netns`, where the container is reached from, is borrowed.
  static std::unique_ptr<PortProxy> make(EventLoop& loop, uint8_t protocol, sys::UniqueFd held,
                                         const SocketAddress& target, int netns);
};

}  // namespace strake::monitor
