#include "monitor/port_proxy.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <vector>

#include "monitor/memory.h"
#include "monitor/trouble.h"
#include "net/netns.h"
#include "sys/error.h"

namespace strake::monitor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t mostRelays = 512;    // of one port
constexpr size_t mostSessions = 256;  // likewise
constexpr std::chrono::seconds sessionTime{90};
constexpr int backlog = 128;

/// Nothing: it cannot be reached, or there is no descriptor left, which must not end the monitor.
sys::UniqueFd connectTo(const PortProxy::MakeSocket& makeSocket, int type, const SocketAddress& target) try {
  sys::UniqueFd socket = makeSocket(target.address.family(), type | SOCK_NONBLOCK);
  sockaddr_storage storage;
  const socklen_t size = target.address.socketAddress(target.port, storage);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) < 0 && errno != EINPROGRESS)
    socket.reset();
  return socket;
} catch (const sys::SysError& error) {
  logTrouble(error.what());
  return {};
}

class TcpProxy final : public PortProxy, public Watcher {
 public:
  TcpProxy(EventLoop& loop, sys::UniqueFd listener, SocketAddress target, MakeSocket makeSocket)
      : loop_(loop), listener_(std::move(listener)), target_(target), makeSocket_(std::move(makeSocket)) {
    loop_.add(listener_.get(), EPOLLIN, this);
  }
  ~TcpProxy() override { loop_.remove(listener_.get()); }

  void onEvents(uint32_t) override {
    relays_.remove_if([](const TcpRelay& relay) { return relay.isOver(); });
    sys::UniqueFd accepted = acceptFrom(loop_, listener_.get(), this);
    if (!accepted || relays_.size() >= mostRelays) return;
    pastTrouble("published port", [&] {
      sys::UniqueFd connection = connectTo(makeSocket_, SOCK_STREAM, target_);
      if (connection) relays_.emplace_back(loop_, std::move(accepted), std::move(connection));
    });
  }

 private:
  EventLoop& loop_;
  sys::UniqueFd listener_;
  SocketAddress target_;
  MakeSocket makeSocket_;
  std::list<TcpRelay> relays_;
};

class UdpProxy final : public PortProxy, public Watcher {
 public:
  UdpProxy(EventLoop& loop, sys::UniqueFd socket, SocketAddress target, MakeSocket makeSocket)
      : loop_(loop), socket_(std::move(socket)), target_(target), makeSocket_(std::move(makeSocket)) {
    loop_.add(socket_.get(), EPOLLIN, this);
  }
  ~UdpProxy() override { loop_.remove(socket_.get()); }

  void onEvents(uint32_t) override {
    const std::span<char> buffer = scratch();
    sockaddr_storage client{};
    socklen_t size = sizeof client;
    const ssize_t length = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                      reinterpret_cast<sockaddr*>(&client), &size);
    if (length < 0) return;
    Session* session = nullptr;
    pastTrouble("published port", [&] {
      session = sessionOf({reinterpret_cast<const char*>(&client), size});
    });
    if (session == nullptr) return;
    session->lastUse = Clock::now();
    static_cast<void>(
        ::send(session->socket.get(), buffer.data(), static_cast<size_t>(length), MSG_DONTWAIT) < 0);
  }

 private:
  /// What one client has sent, as the container sees it: a socket of its own.
  struct Session final : public Watcher {
    Session(UdpProxy& proxy, std::string client, sys::UniqueFd fd)
        : proxy(proxy), client(std::move(client)), socket(std::move(fd)) {
      proxy.loop_.add(socket.get(), EPOLLIN, this);
    }
    ~Session() { proxy.loop_.remove(socket.get()); }
    void onEvents(uint32_t) override {
      const std::span<char> buffer = scratch();
      const ssize_t length = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (length < 0) return;
      lastUse = Clock::now();
      static_cast<void>(::sendto(proxy.socket_.get(), buffer.data(), static_cast<size_t>(length),
                                 MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(client.data()),
                                 static_cast<socklen_t>(client.size())) < 0);
    }
    UdpProxy& proxy;
    std::string client;
    sys::UniqueFd socket;
    Clock::time_point lastUse = Clock::now();
  };

  Session* sessionOf(const std::string& client) {
    if (const auto found = sessions_.find(client); found != sessions_.end()) return found->second.get();
    std::erase_if(sessions_, [now = Clock::now()](const auto& entry) {
      return now - entry.second->lastUse > sessionTime;
    });
    if (sessions_.size() >= mostSessions) return nullptr;
    sys::UniqueFd connection = connectTo(makeSocket_, SOCK_DGRAM, target_);
    if (!connection) return nullptr;
    auto session = std::make_unique<Session>(*this, client, std::move(connection));
    return sessions_.emplace(client, std::move(session)).first->second.get();
  }

  EventLoop& loop_;
  sys::UniqueFd socket_;
  SocketAddress target_;
  MakeSocket makeSocket_;
  std::map<std::string, std::unique_ptr<Session>> sessions_;
};

}  // namespace

sys::UniqueFd holdPort(int netns, uint8_t protocol, const net::Ip& address, uint16_t port) {
  const bool tcp = protocol == IPPROTO_TCP;
  sys::UniqueFd socket =
      net::socketIn(netns, address.family(), (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK);
  const int on = 1;
  // Of TCP: a port whose last connections are still in TIME_WAIT. Of UDP it would let two have one port.
  if (tcp) sys::check(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt");
  if (!address.isV4())
    sys::check(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), "setsockopt");
  sockaddr_storage storage;
  const socklen_t size = address.socketAddress(port, storage);
  sys::check(::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size), "bind", address.text());
  if (tcp) sys::check(::listen(socket.get(), backlog), "bind", address.text());
  return socket;
}

sys::UniqueFd acceptFrom(EventLoop& loop, int listener, Watcher* watcher) noexcept {
  sys::UniqueFd accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (accepted || (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM))
    return accepted;
  const sys::SysError error(errno, "accept4", "connections wait");
  pastTrouble("too many connections", [&] {
    loop.pause(listener, EPOLLIN, watcher);
    throw error;
  });
  return {};
}

uint16_t portOf(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  sys::check(::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size), "getsockname");
  // In the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

std::unique_ptr<PortProxy> PortProxy::make(EventLoop& loop, uint8_t protocol, sys::UniqueFd held,
                                           const SocketAddress& target, MakeSocket makeSocket) {
  if (protocol == IPPROTO_TCP)
    return std::make_unique<TcpProxy>(loop, std::move(held), target, std::move(makeSocket));
  return std::make_unique<UdpProxy>(loop, std::move(held), target, std::move(makeSocket));
}

}  // namespace strake::monitor
