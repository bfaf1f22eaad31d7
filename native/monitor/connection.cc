#include "monitor/connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include "monitor/memory.h"
#include "sys/error.h"

namespace strake::monitor {

Connection::Connection(sys::UniqueFd socket, bool expectsAttachFrame, EventLoop& loop, Owner& owner)
    : expectsAttach(expectsAttachFrame), socket_(std::move(socket)), loop_(loop), owner_(owner) {
  watch();
}

Connection::~Connection() {
  close();
}

void Connection::send(protocol::Frame type, std::span<const char> payload) {
  if (closed() || hungUp_) return;
  const auto header = protocol::encodeHeader(type, static_cast<uint32_t>(payload.size()));
  size_t sent = 0;
  if (unsent_.empty()) {
    iovec parts[] = {{const_cast<char*>(header.data()), header.size()},
                     {const_cast<char*>(payload.data()), payload.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t result = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && errno != EAGAIN && errno != EINTR) return;  // gone: the loop is about to say so
    sent = result < 0 ? 0 : static_cast<size_t>(result);
  }
  if (sent == header.size() + payload.size()) return;
  if (sent < header.size()) unsent_.append(header.data() + sent, header.size() - sent);
  const size_t payloadSent = sent > header.size() ? sent - header.size() : 0;
  unsent_.append(payload.data() + payloadSent, payload.size() - payloadSent);
  watch();
}

void Connection::flush() {
  const ssize_t sent = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return hangUp();
  if (sent > 0) unsent_.erase(0, static_cast<size_t>(sent));
  if (unsent_.empty()) {
    std::string().swap(unsent_);
    watch();
    if (ending_) ::shutdown(socket_.get(), SHUT_WR);
  }
  if (sent > 0) owner_.onClientTook(*this);
}

void Connection::end() {
  if (closed()) return;
  ending_ = true;
  if (!hasUnsent()) ::shutdown(socket_.get(), SHUT_WR);
  resume();
}

void Connection::onEvents(uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) hangUp();
  if (!closed() && (events & EPOLLOUT) != 0 && hasUnsent()) flush();
  if (closed() || (events & EPOLLIN) == 0) return;
  if (owner_.acceptsInput()) return read();
  watch();
}

/// The client is gone. What it sent before it went is still read, at the pace of the container.
void Connection::hangUp() {
  if (hungUp_ || closed()) return;
  hungUp_ = true;
  std::string().swap(unsent_);
  watch();
  owner_.onClientTook(*this);
  resume();
}

void Connection::resume() {
  if (!hungUp_) return watch();
  while (!closed() && owner_.acceptsInput()) read();
}

void Connection::read() {
  const std::span<char> buffer = scratch();
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return;
  if (got < 0 && errno == EAGAIN && !hungUp_) return;
  if (got <= 0) {
    if (got < 0 || hungUp_) return close();
    ended_ = true;
    watch();
    return owner_.onClientEnd(*this);
  }
  if (!reader_.feed(buffer.first(static_cast<size_t>(got)), *this)) return close();
  if (!closed()) watch();
}

void Connection::onStdin(std::span<const char> bytes) {
  owner_.onClientStdin(*this, bytes);
}

void Connection::onFrame(protocol::Frame type, std::span<const char> payload) {
  owner_.onClientFrame(*this, type, payload);
}

void Connection::close() {
  if (closed()) return;
  if (inEpoll_) loop_.remove(socket_.get());
  inEpoll_ = false;
  socket_.reset();
  std::string().swap(unsent_);
  owner_.onClientClosed(*this);
}

/// Watches for what is wanted now. A client that hung up is not watched: its EPOLLHUP would never cease.
void Connection::watch() {
  const uint32_t wanted = (hasUnsent() ? EPOLLOUT : 0U) |
                          (!ended_ && owner_.acceptsInput() ? static_cast<uint32_t>(EPOLLIN) : 0U);
  if (hungUp_ && inEpoll_) loop_.remove(socket_.get());
  if (hungUp_) inEpoll_ = false;
  if (hungUp_ || (inEpoll_ && wanted == watched_)) return;
  watched_ = wanted;
  if (inEpoll_) return loop_.modify(socket_.get(), wanted, this);
  loop_.add(socket_.get(), wanted, this);
  inEpoll_ = true;
}

}  // namespace strake::monitor
