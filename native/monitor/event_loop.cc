#include "monitor/event_loop.h"

#include "sys/error.h"

namespace strake::monitor {

EventLoop::EventLoop() : epoll_(sys::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

void EventLoop::add(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{.events = events, .data = {.ptr = watcher}};
  sys::check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void EventLoop::modify(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{.events = events, .data = {.ptr = watcher}};
  sys::check(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event), "epoll_ctl");
}

void EventLoop::remove(int fd) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

bool EventLoop::runOnce(int timeout) {
  epoll_event event{};
  const int ready = ::epoll_wait(epoll_.get(), &event, 1, timeout);
  if (ready < 0 && errno == EINTR) return true;
  if (sys::check(ready, "epoll_wait") == 0) return false;
  static_cast<Watcher*>(event.data.ptr)->onEvents(event.events);
  return true;
}

Readiness::Readiness(EventLoop& loop, sys::UniqueFd fd, std::function<void()> call)
    : loop_(loop), fd_(std::move(fd)), call_(std::move(call)) {
  loop_.add(fd_.get(), EPOLLIN, this);
}

Readiness::~Readiness() {
  loop_.remove(fd_.get());
}

}  // namespace strake::monitor
