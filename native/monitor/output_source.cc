#include "monitor/output_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "monitor/memory.h"
#include "sys/error.h"

namespace strake::monitor {

OutputSource::OutputSource(Stream stream, sys::UniqueFd fd, EventLoop& loop, Owner& owner)
    : stream_(stream), fd_(std::move(fd)), loop_(loop), owner_(owner) {
  sys::check(::fcntl(fd_.get(), F_SETFL, O_NONBLOCK), "fcntl", "stdout");
  resume();
}

OutputSource::~OutputSource() {
  close();
}

void OutputSource::pause() {
  if (!fd_ || !watched_) return;
  loop_.remove(fd_.get());
  watched_ = false;
}

void OutputSource::resume() {
  if (!fd_ || watched_) return;
  loop_.add(fd_.get(), EPOLLIN, this);
  watched_ = true;
}

void OutputSource::drain() {
  for (size_t left = capacity(); fd_ && left > 0;) {
    const size_t got = read().value_or(0);
    if (got == 0) break;
    left -= std::min(left, got);
  }
  close();
}

void OutputSource::onEvents(uint32_t) {
  if (!read()) close();
}

std::optional<size_t> OutputSource::read() {
  const std::span<char> buffer = scratch();
  ssize_t got = 0;
  while ((got = ::read(fd_.get(), buffer.data(), buffer.size())) < 0 && errno == EINTR) continue;
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) return std::nullopt;  // EIO: the last process has closed the terminal
  owner_.onOutput(stream_, buffer.first(static_cast<size_t>(got)));
  return static_cast<size_t>(got);
}

size_t OutputSource::capacity() const {
  constexpr size_t ofTerminal = 128 * 1024;  // twice what the kernel's terminal buffers hold at most
  const int ofPipe = ::fcntl(fd_.get(), F_GETPIPE_SZ);
  return ofPipe > 0 ? static_cast<size_t>(ofPipe) : ofTerminal;
}

void OutputSource::close() {
  pause();
  fd_.reset();
}

}  // namespace strake::monitor
