#include "monitor/stdio_hub.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cstring>

#include "monitor/json.h"
#include "sys/error.h"

namespace strake::monitor {

using protocol::Frame;

namespace {

constexpr size_t maxClients = 64;
constexpr size_t maxBehind = 1 << 20;       // bytes, of a client of attach.sock
constexpr size_t caughtUp = maxBehind / 2;  // what it has to come down to
constexpr time_t patience = 2;              // seconds, to come there

sys::UniqueFd duplicate(const sys::UniqueFd& fd) {
  return sys::UniqueFd(sys::check(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 4), "fcntl"));
}

}  // namespace

StdioHub::~StdioHub() {
  patience_.reset();
  stopListening();
  launcher_ = nullptr;
  // Clients that are destroyed end nobody's input and set no output going.
  mode_ = StdinMode::open;
  draining_ = true;
}

void StdioHub::addLauncher(sys::UniqueFd socket) {
  clients_.push_back(std::make_unique<Connection>(std::move(socket), false, loop_, *this));
  launcher_ = clients_.back().get();
}

void StdioHub::attachLauncher(Attach attach) {
  if (launcher_ != nullptr) launcher_->attach = attach;
}

void StdioHub::listen(sys::UniqueFd listener) {
  listener_ = std::move(listener);
  loop_.add(listener_.get(), EPOLLIN, this);
}

void StdioHub::setLog(JsonLog::Options options) {
  log_.emplace(std::move(options));
}

void StdioHub::setContainer(ContainerEnds ends) {
  if (ends.terminal) {
    terminal_ = std::move(ends.terminal);
    ends.out = duplicate(terminal_);
    if (mode_ != StdinMode::none) ends.in = duplicate(terminal_);
  }
  if (ends.in) in_ = std::make_unique<StdinSink>(std::move(ends.in), loop_, *this);
  if (ends.out)
    outputs_.push_back(std::make_unique<OutputSource>(Stream::out, std::move(ends.out), loop_, *this));
  if (ends.err)
    outputs_.push_back(std::make_unique<OutputSource>(Stream::err, std::move(ends.err), loop_, *this));
}

void StdioHub::tellLauncher(Frame type, const std::string& json) {
  if (launcher_ != nullptr) launcher_->send(type, json);
}

void StdioHub::start(const std::string& startedJson) {
  started_ = startedJson;
  tellLauncher(Frame::started, started_);
}

void StdioHub::drain() {
  draining_ = true;
  for (const auto& output : outputs_) output->drain();
  if (!log_) return;
  try {
    log_->finish();
  } catch (const std::exception& error) {
    warnOfLog(error.what());
  }
}

/// Also to those who have connected but whose wish has not been read yet: they want to know the end at least.
void StdioHub::finish(const std::string& exitedJson) {
  while (acceptClient()) continue;
  for (const auto& client : clients_) {
    if (client->expectsAttach) client->send(Frame::started, started_);
    client->send(Frame::exited, exitedJson);
  }
  end();
}

void StdioHub::end() {
  stopListening();
  in_.reset();
  for (const auto& client : clients_) client->end();
}

bool StdioHub::hasUnsent() const {
  return std::ranges::any_of(clients_, [](const auto& client) { return client->hasUnsent(); });
}

void StdioHub::reap() {
  std::erase_if(clients_, [](const auto& client) { return client->closed(); });
}

void StdioHub::trim() {
  if (log_) log_->trim();
}

/// Somebody connects to attach.sock.
void StdioHub::onEvents(uint32_t) {
  const bool accepted = acceptClient();
  const bool isFull = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  if (!accepted && isFull) loop_.pause(listener_.get(), EPOLLIN, this);
}

bool StdioHub::acceptClient() {
  if (!listener_) return false;
  sys::UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return false;
  if (clients_.size() >= maxClients) return true;
  clients_.push_back(std::make_unique<Connection>(std::move(socket), true, loop_, *this));
  return true;
}

void StdioHub::onClientStdin(Connection& client, std::span<const char> bytes) {
  if (client.attach.in && in_) in_->write(bytes);
}

void StdioHub::onClientFrame(Connection& client, Frame type, std::span<const char> payload) {
  if (client.expectsAttach != (type == Frame::attach)) return client.close();
  if (type == Frame::attach) return attachClient(client, payload);
  if (type == Frame::go && &client == launcher_) return void(go_.emplace(payload.data(), payload.size()));
  if (type == Frame::resize) return resize(payload);
  if (type == Frame::reload && reload_) return client.send(Frame::reloaded, reload_());
  if (type == Frame::stdinClose && client.attach.in) endStdin();
}

void StdioHub::attachClient(Connection& client, std::span<const char> payload) {
  const std::optional<Attach> attach = parseAttach(std::string(payload.data(), payload.size()));
  if (!attach) return client.close();
  client.expectsAttach = false;
  client.attach = *attach;
  client.send(Frame::started, started_);
}

void StdioHub::onClientEnd(Connection& client) {
  if (&client == launcher_) launcherHasEnded_ = true;
  if (client.attach.in && mode_ == StdinMode::once) endStdin();
  client.attach.in = false;
}

void StdioHub::onClientClosed(Connection& client) {
  if (&client == launcher_) launcher_ = nullptr;
  onClientEnd(client);
  client.lagging = false;
  onClientTook(client);  // what it did not take is not waited for any more
}

void StdioHub::onClientTook(Connection& client) {
  if (client.lagging && client.behind() <= caughtUp) client.lagging = false;
  if (draining_ || isHeld()) return;
  patience_.reset();
  for (const auto& output : outputs_) output->resume();
}

bool StdioHub::holdsOutput(const Connection& client) const {
  return &client == launcher_ ? client.hasUnsent() : client.lagging;
}

bool StdioHub::isHeld() const {
  return std::ranges::any_of(clients_, [this](const auto& client) { return holdsOutput(*client); });
}

void StdioHub::giveTime() {
  if (patience_) return;
  sys::UniqueFd timer(
      sys::check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create"));
  itimerspec time{};
  time.it_value.tv_sec = patience;
  ::timerfd_settime(timer.get(), 0, &time, nullptr);
  patience_ = std::make_unique<Readiness>(loop_, std::move(timer), [this] { dropLagging(); });
}

/// Called by the timer, which is destroyed last: who lags is dropped, and the container goes on.
void StdioHub::dropLagging() {
  const std::unique_ptr<Readiness> timer = std::move(patience_);
  for (const auto& client : clients_)
    if (client->lagging) drop(*client);
  if (draining_ || isHeld()) return;
  for (const auto& output : outputs_) output->resume();
}

void StdioHub::drop(Connection& client) {
  client.lagging = false;
  onClientEnd(client);
  client.attach = {};
  client.send(
      Frame::dropped,
      warningJson("ERR_ATTACH_LAGGED",
                  "this client read too slowly, and was detached so that the container need not wait: "
                  "it was more than 1 MiB behind; the log has all of the output"));
  client.end();
}

bool StdioHub::acceptsInput() const {
  return !in_ || !in_->isFull();
}

void StdioHub::onStdinDrained() {
  for (const auto& client : clients_) {
    if (!client->closed()) client->resume();
  }
}

void StdioHub::endStdin() {
  if (in_) in_->end();
}

void StdioHub::resize(std::span<const char> payload) {
  uint16_t bigEndian[2];
  if (payload.size() != sizeof bigEndian) return;
  std::memcpy(bigEndian, payload.data(), sizeof bigEndian);
  resizeTerminal({be16toh(bigEndian[0]), be16toh(bigEndian[1])});
}

void StdioHub::resizeTerminal(TerminalSize size) {
  const winsize window{.ws_row = size.rows, .ws_col = size.cols, .ws_xpixel = 0, .ws_ypixel = 0};
  if (terminal_) ::ioctl(terminal_.get(), TIOCSWINSZ, &window);
}

void StdioHub::onOutput(Stream stream, std::span<const char> bytes) {
  log(stream, bytes);
  const Frame type = stream == Stream::out ? Frame::stdoutData : Frame::stderrData;
  for (const auto& client : clients_) {
    if (!(stream == Stream::out ? client->attach.out : client->attach.err)) continue;
    client->send(type, bytes);
    if (client.get() != launcher_ && client->behind() > maxBehind) client->lagging = true;
  }
  if (draining_ || !isHeld()) return;
  for (const auto& output : outputs_) output->pause();
  if (std::ranges::any_of(clients_, [](const auto& client) { return client->lagging; })) giveTime();
}

/// A log that cannot be written (a full disk) costs lines, never the container.
void StdioHub::log(Stream stream, std::span<const char> bytes) {
  if (!log_) return;
  try {
    log_->write(stream, bytes);
  } catch (const std::exception& error) {
    warnOfLog(error.what());
  }
}

void StdioHub::warnOfLog(const char* message) {
  if (std::exchange(warnedOfLog_, true)) return;
  tellLauncher(Frame::warning,
               warningJson("ERR_LOG_FAILED", std::string("output is missing from the log: ") + message));
}

void StdioHub::stopListening() {
  if (!listener_) return;
  loop_.remove(listener_.get());
  listener_.reset();
}

}  // namespace strake::monitor
