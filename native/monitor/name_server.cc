#include "monitor/name_server.h"

#include <sys/socket.h>
#include <sys/timerfd.h>

#include <utility>

#include "monitor/memory.h"
#include "monitor/port_proxy.h"
#include "monitor/trouble.h"
#include "net/firewall.h"
#include "net/netns.h"
#include "sys/error.h"

namespace strake::monitor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t mostQuestions = 256, mostClients = 32;
constexpr std::chrono::seconds idleTime{10};  // of a client of TCP
constexpr long tick = 250'000'000;            // nanoseconds
constexpr uint8_t udp = 17, tcp = 6;
constexpr uint16_t namePort = 53, internet = 1;

sys::UniqueFd makeTimer() {
  return sys::UniqueFd(
      sys::check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create"));
}

bool isAddressType(uint16_t type) {
  return type == static_cast<uint16_t>(NameType::a) || type == static_cast<uint16_t>(NameType::aaaa) ||
         type == static_cast<uint16_t>(NameType::any);
}

}  // namespace

/// A descriptor in the loop whose readiness is a call.
class NameServer::Socket final : public Watcher {
 public:
  Socket(EventLoop& loop, sys::UniqueFd fd, std::function<void()> call)
      : loop_(loop), fd_(std::move(fd)), call_(std::move(call)) {
    loop_.add(fd_.get(), EPOLLIN, this);
  }
  ~Socket() { loop_.remove(fd_.get()); }
  int get() const noexcept { return fd_.get(); }
  void onEvents(uint32_t) override { pastTrouble("name server", call_); }

 private:
  EventLoop& loop_;
  sys::UniqueFd fd_;
  std::function<void()> call_;
};

/// Somebody who asks by TCP: one question after the other, each with its length before it (RFC 7766).
class NameServer::Client final : public Watcher, public std::enable_shared_from_this<NameServer::Client> {
 public:
  Client(NameServer& server, sys::UniqueFd socket) : server_(server), socket_(std::move(socket)) {
    server_.loop_.add(socket_.get(), EPOLLIN, this);
  }
  ~Client() { close(); }
  bool isOver() const noexcept { return !socket_; }
  void tick() {
    if (Clock::now() - lastUse_ > idleTime) close();
  }

  void onEvents(uint32_t) override {
    if (!pastTrouble("name server", [&] { receive(); })) close();
  }

 private:
  void receive() {
    const std::span<char> buffer = scratch();
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return close();
    lastUse_ = Clock::now();
    received_.append(buffer.data(), static_cast<size_t>(size));
    while (socket_ && received_.size() >= 2) {
      const size_t length = messageId(received_);
      if (received_.size() < 2 + length) break;
      std::string message = received_.substr(2, length);
      received_.erase(0, 2 + length);
      server_.answer(std::move(message), true, [self = weak_from_this()](std::string answer) {
        if (const auto client = self.lock()) client->send(answer);
      });
    }
  }

  /// One that does not take an answer at once, which is small, is not waited for.
  void send(const std::string& answer) {
    if (!socket_ || answer.empty()) return close();
    std::string framed{static_cast<char>(answer.size() >> 8), static_cast<char>(answer.size() & 0xff)};
    framed += answer;
    const ssize_t sent = ::send(socket_.get(), framed.data(), framed.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(framed.size())) close();
  }
  void close() noexcept {
    if (!socket_) return;
    server_.loop_.remove(socket_.get());
    socket_.reset();
  }

  NameServer& server_;
  sys::UniqueFd socket_;
  std::string received_;
  Clock::time_point lastUse_ = Clock::now();
};

NameServer::NameServer(EventLoop& loop, int netns, const std::vector<std::string>& networks,
                       std::vector<Resolver> resolvers)
    : loop_(loop), netns_(netns), resolvers_(std::move(resolvers)) {
  table_.setNetworks(networks);
  const net::Ip address = net::Ip::parse(nameServerAddress);
  sys::UniqueFd datagrams = holdPort(netns, udp, address, 0), listener = holdPort(netns, tcp, address, 0);
  try {
    net::redirectNameServer(netns, portOf(datagrams.get()), portOf(listener.get()));
  } catch (const sys::SysError&) {
    // Without nftables the port itself is taken; a name server of the container's own is then in its way.
    datagrams = holdPort(netns, udp, address, namePort);
    listener = holdPort(netns, tcp, address, namePort);
  }
  udp_ = std::make_unique<Socket>(loop, std::move(datagrams), [this] { onDatagram(); });
  tcp_ = std::make_unique<Socket>(loop, std::move(listener), [this] { onConnection(); });
  timer_ = std::make_unique<Socket>(loop, makeTimer(), [this] { onTick(); });
}

NameServer::~NameServer() = default;

void NameServer::onDatagram() {
  const std::span<char> buffer = scratch();
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const ssize_t length = ::recvfrom(udp_->get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&from), &size);
  if (length < 0) return;
  const std::string client(reinterpret_cast<const char*>(&from), size);
  answer({buffer.data(), static_cast<size_t>(length)}, false, [this, client](const std::string& answer) {
    static_cast<void>(::sendto(udp_->get(), answer.data(), answer.size(), MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(client.data()),
                               static_cast<socklen_t>(client.size())) < 0);
  });
}

void NameServer::onConnection() {
  reap();
  reapClients();
  sys::UniqueFd socket = acceptFrom(loop_, tcp_->get(), tcp_.get());
  if (!socket || clients_.size() >= mostClients) return;
  clients_.push_back(std::make_shared<Client>(*this, std::move(socket)));
  setTimer(true);
}

void NameServer::answer(std::string message, bool tcp, Answered answered) {
  const std::optional<NameQuery> query = parseNameQuery(message);
  if (!query) {
    const std::string failure = formatFailure(message);
    return failure.empty() && !tcp ? void() : answered(failure);
  }
  if (std::optional<std::string> known = answerHere(*query, message, tcp)) return answered(std::move(*known));
  forward(std::move(message), *query, tcp, std::move(answered));
}

std::optional<std::string> NameServer::answerHere(const NameQuery& query, std::string_view message,
                                                  bool tcp) {
  if (query.operation != 0) return nameFailure(query, message, NameCode::notImplemented);
  const size_t largest = tcp ? largestNameMessage : query.udpSize;
  if (query.classNumber == internet) {
    if (const auto addresses = table_.find(query.name))
      return nameAnswer(query, message, isAddressType(query.type) ? *addresses : std::vector<net::Ip>(), {},
                        largest);
    const net::Ip reversed = reversedAddress(query.name);
    const std::vector<std::string> names = reversed ? table_.reverse(reversed) : std::vector<std::string>();
    if (!names.empty() && query.type == static_cast<uint16_t>(NameType::ptr))
      return nameAnswer(query, message, {}, names, largest);
  }
  if (resolvers_.empty() || !table_.reachesOutside())
    return nameFailure(query, message, NameCode::serverFailure);
  return std::nullopt;
}

void NameServer::forward(std::string message, const NameQuery& query, bool tcp, Answered answered) {
  reap();
  if (questions_.size() >= mostQuestions)
    return answered(nameFailure(query, message, NameCode::serverFailure));
  const auto deliver = [query, tcp, answered = std::move(answered)](std::string answer) {
    answered(tcp || answer.size() <= query.udpSize ? std::move(answer) : cutAnswer(query, answer));
  };
  questions_.emplace_back(loop_, std::move(message), query, resolvers_, netns_, tcp, deliver);
  setTimer(true);
}

void NameServer::onTick() {
  uint64_t count = 0;
  static_cast<void>(::read(timer_->get(), &count, sizeof count) < 0);
  for (NameQuestion& question : questions_) question.tick();
  for (const auto& client : clients_) client->tick();
  reap();
  reapClients();
  if (questions_.empty() && clients_.empty()) setTimer(false);
}

void NameServer::setTimer(bool runs) {
  if (std::exchange(timerRuns_, runs) == runs) return;
  itimerspec time{};
  if (runs) time.it_value.tv_nsec = time.it_interval.tv_nsec = tick;
  ::timerfd_settime(timer_->get(), 0, &time, nullptr);
}

/// Not by a question that is being called.
void NameServer::reap() {
  questions_.remove_if([](const NameQuestion& question) { return question.isOver(); });
}

/// Not by a client that is being called.
void NameServer::reapClients() {
  clients_.remove_if([](const auto& client) { return client->isOver(); });
}

}  // namespace strake::monitor
