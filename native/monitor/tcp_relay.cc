#include "monitor/tcp_relay.h"

#include <sys/socket.h>

#include <cerrno>

#include "monitor/memory.h"
#include "monitor/trouble.h"

namespace strake::monitor {

TcpRelay::TcpRelay(EventLoop& loop, sys::UniqueFd accepted, sys::UniqueFd target)
    : loop_(loop), accepted_(*this, std::move(accepted)), target_(*this, std::move(target)) {
  accepted_.other = &target_;
  target_.other = &accepted_;
  watch(target_, EPOLLOUT);
}

TcpRelay::~TcpRelay() {
  end();
}

void TcpRelay::Side::onEvents(uint32_t events) {
  if (!pastTrouble("relayed connection", [&] { take(events); })) relay.end();
}

void TcpRelay::Side::take(uint32_t events) {
  if (relay.isOver_) return;
  if (!relay.isConnected_ && this == &relay.target_) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return relay.end();
    relay.isConnected_ = true;
  }
  if ((events & EPOLLERR) != 0) return relay.end();
  if ((events & EPOLLOUT) != 0) relay.flush(*this);
  if (!relay.isOver_ && (events & (EPOLLIN | EPOLLHUP)) != 0) relay.read(*this);
  if (!relay.isOver_) relay.advance();
}

void TcpRelay::read(Side& from) {
  if (from.hasEnded || !from.other->unsent.empty()) return;
  const std::span<char> buffer = scratch();
  const ssize_t size = ::recv(from.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? void() : end();
  if (size == 0) return void(from.hasEnded = true);
  from.other->unsent.assign(buffer.data(), static_cast<size_t>(size));
  flush(*from.other);
}

void TcpRelay::flush(Side& to) {
  if (to.unsent.empty()) return;
  const ssize_t sent =
      ::send(to.socket.get(), to.unsent.data(), to.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR ? void() : end();
  to.unsent.erase(0, static_cast<size_t>(sent));
}

/// Passes on ends, and waits for what can happen next.
void TcpRelay::advance() {
  if (!isConnected_) return;
  for (Side* side : {&accepted_, &target_}) {
    if (side->other->hasEnded && side->unsent.empty() && !side->isShut) {
      ::shutdown(side->socket.get(), SHUT_WR);
      side->isShut = true;
    }
  }
  if (accepted_.isShut && target_.isShut) return end();
  for (Side* side : {&accepted_, &target_}) {
    const bool reads = !side->hasEnded && side->other->unsent.empty();
    watch(*side, (reads ? uint32_t{EPOLLIN} : 0U) | (side->unsent.empty() ? 0U : uint32_t{EPOLLOUT}));
  }
}

/// One that nothing is wanted of is not in the loop: a hang-up would be told of again and again.
void TcpRelay::watch(Side& side, uint32_t wanted) {
  if (wanted == side.watched) return;
  if (wanted == 0)
    loop_.remove(side.socket.get());
  else if (side.watched == 0)
    loop_.add(side.socket.get(), wanted, &side);
  else
    loop_.modify(side.socket.get(), wanted, &side);
  side.watched = wanted;
}

void TcpRelay::end() noexcept {
  if (isOver_) return;
  isOver_ = true;
  for (Side* side : {&accepted_, &target_}) {
    if (side->watched != 0) loop_.remove(side->socket.get());
    side->watched = 0;
    side->socket.reset();
    side->unsent = {};
  }
}

}  // namespace strake::monitor
