#include "monitor/output_source.h"

#include <fcntl.h>
#include <unistd.h>

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
  while (fd_ && read() == Result::bytes) continue;
  close();
}

void OutputSource::onEvents(uint32_t) {
  if (read() == Result::end) close();
}

OutputSource::Result OutputSource::read() {
  const std::span<char> buffer = scratch();
  const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
  if (got < 0 && errno == EINTR) return Result::bytes;
  if (got < 0 && errno == EAGAIN) return Result::nothing;
  if (got <= 0) return Result::end;  // EIO: the last process has closed the terminal
  owner_.onOutput(stream_, buffer.first(static_cast<size_t>(got)));
  return Result::bytes;
}

void OutputSource::close() {
  pause();
  fd_.reset();
}

}  // namespace strake::monitor
