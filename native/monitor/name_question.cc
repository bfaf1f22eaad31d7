#include "monitor/name_question.h"

#include <sys/random.h>
#include <sys/socket.h>

#include "monitor/memory.h"
#include "monitor/trouble.h"
#include "net/netns.h"

namespace strake::monitor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t port = 53;
constexpr std::chrono::milliseconds patience{2000};  // of one resolver
constexpr size_t rounds = 2;                         // resolv.conf(5), attempts

uint16_t randomId() {
  uint16_t id = 0;
  static_cast<void>(::getrandom(&id, sizeof id, 0) < 0);
  return id;
}

std::string prefixed(const std::string& message) {
  std::string framed;
  framed.push_back(static_cast<char>(message.size() >> 8));
  framed.push_back(static_cast<char>(message.size() & 0xff));
  return framed + message;
}

}  // namespace

NameQuestion::NameQuestion(EventLoop& loop, std::string message, NameQuery query,
                           const std::vector<Resolver>& resolvers, int containerNetns, bool tcp,
                           std::function<void(std::string)> answered)
    : loop_(loop),
      message_(std::move(message)),
      query_(std::move(query)),
      resolvers_(resolvers),
      netns_(containerNetns),
      tcp_(tcp),
      answered_(std::move(answered)) {
  askNext();
}

NameQuestion::~NameQuestion() {
  hangUp();
}

void NameQuestion::askNext() {
  hangUp();
  while (attempt_ < rounds * resolvers_.size()) {
    if (ask(resolvers_[attempt_++ % resolvers_.size()])) return;
  }
  take(nameFailure(query_, message_, NameCode::serverFailure));
}

bool NameQuestion::ask(const Resolver& resolver) try {
  id_ = randomId();
  std::string message = message_;
  setMessageId(message, id_);
  socket_ = net::socketIn(resolver.fromContainer ? netns_ : -1, resolver.address.family(),
                          (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK);
  sockaddr_storage storage;
  const socklen_t size = resolver.address.socketAddress(port, storage);
  deadline_ = Clock::now() + patience;
  received_.clear();
  const int connected = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&storage), size);
  if (connected < 0 && errno != EINPROGRESS) return false;
  if (tcp_)
    unsent_ = prefixed(message);
  else if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0)
    return false;
  loop_.add(socket_.get(), tcp_ ? EPOLLOUT : EPOLLIN, this);
  return true;
} catch (const std::exception&) {
  return false;  // no route, no address of that family
}

void NameQuestion::tick() {
  if (!isOver_ && Clock::now() >= deadline_) askNext();
}

void NameQuestion::onEvents(uint32_t) {
  if (isOver_ || pastTrouble("question for a name", [&] { proceed(); })) return;
  hangUp();
  isOver_ = true;
}

void NameQuestion::proceed() {
  if (!tcp_) return receiveDatagram();
  if (!unsent_.empty()) return sendStream();
  receiveStream();
}

void NameQuestion::receiveDatagram() {
  const std::span<char> buffer = scratch();
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? void() : askNext();
  std::string answer(buffer.data(), static_cast<size_t>(size));
  if (messageId(answer) != id_ || !answersQuestion(answer, message_, query_.questionEnd))
    return;  // somebody else's
  setMessageId(answer, query_.id);
  take(std::move(answer));
}

void NameQuestion::sendStream() {
  const ssize_t sent = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR ? void() : askNext();
  unsent_.erase(0, static_cast<size_t>(sent));
  if (unsent_.empty()) loop_.modify(socket_.get(), EPOLLIN, this);
}

void NameQuestion::receiveStream() {
  const std::span<char> buffer = scratch();
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return askNext();
  received_.append(buffer.data(), static_cast<size_t>(size));
  if (received_.size() < 2) return;
  const size_t length = messageId(received_);  // a number of 16 bits, as the id is
  if (received_.size() < 2 + length) return;
  std::string answer = received_.substr(2, length);
  if (messageId(answer) != id_ || !answersQuestion(answer, message_, query_.questionEnd)) return askNext();
  setMessageId(answer, query_.id);
  take(std::move(answer));
}

void NameQuestion::take(std::string answer) {
  hangUp();
  isOver_ = true;
  answered_(std::move(answer));
}

void NameQuestion::hangUp() noexcept {
  if (!socket_) return;
  loop_.remove(socket_.get());
  socket_.reset();
}

}  // namespace strake::monitor
