#include "monitor/stdin_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include "sys/error.h"

namespace strake::monitor {

StdinSink::StdinSink(sys::UniqueFd fd, EventLoop& loop, Owner& owner)
    : fd_(std::move(fd)), loop_(loop), owner_(owner) {
  sys::check(::fcntl(fd_.get(), F_SETFL, O_NONBLOCK), "fcntl", "stdin");
}

StdinSink::~StdinSink() {
  close();
}

void StdinSink::write(std::span<const char> bytes) {
  if (!fd_ || ended_) return;
  const size_t taken = kept_.empty() ? tryWrite(bytes) : 0;
  if (!fd_ || taken == bytes.size()) return;
  kept_.append(bytes.data() + taken, bytes.size() - taken);
  if (watched_) return;
  loop_.add(fd_.get(), EPOLLOUT, this);
  watched_ = true;
}

void StdinSink::end() {
  ended_ = true;
  if (kept_.empty()) close();
}

void StdinSink::onEvents(uint32_t) {
  const size_t taken = tryWrite(kept_);
  if (fd_) kept_.erase(0, taken);
  if (fd_ && !kept_.empty()) return;
  std::string().swap(kept_);
  if (fd_) loop_.remove(fd_.get());
  watched_ = false;
  if (ended_) close();
  owner_.onStdinDrained();
}

size_t StdinSink::tryWrite(std::span<const char> bytes) {
  const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
  if (written >= 0) return static_cast<size_t>(written);
  if (errno == EAGAIN || errno == EINTR) return 0;
  close();
  return 0;
}

void StdinSink::close() {
  if (fd_ && watched_) loop_.remove(fd_.get());
  watched_ = false;
  std::string().swap(kept_);
  fd_.reset();
}

}  // namespace strake::monitor
