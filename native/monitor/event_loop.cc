#include "monitor/event_loop.h"

#include <algorithm>

#include "sys/error.h"

namespace strake::monitor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds pauseTime{100};

}  // namespace

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
  std::erase_if(paused_, [fd](const Paused& one) { return one.fd == fd; });
}

void EventLoop::pause(int fd, uint32_t events, Watcher* watcher) {
  remove(fd);
  paused_.push_back({fd, events, watcher, Clock::now() + pauseTime});
}

int EventLoop::resume(int timeout) {
  const auto now = Clock::now();
  for (Paused& one : paused_) {
    if (one.until > now) continue;
    epoll_event event{.events = one.events, .data = {.ptr = one.watcher}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, one.fd, &event) == 0)
      one.fd = -1;
    else
      one.until = now + pauseTime;  // no memory for it
  }
  std::erase_if(paused_, [](const Paused& one) { return one.fd < 0; });
  if (paused_.empty()) return timeout;
  const int soon = static_cast<int>(pauseTime.count());
  return timeout < 0 ? soon : std::min(timeout, soon);
}

bool EventLoop::runOnce(int timeout) {
  epoll_event event{};
  const int limit = paused_.empty() ? timeout : resume(timeout);
  const int ready = ::epoll_wait(epoll_.get(), &event, 1, limit);
  if (ready == 0 && limit != timeout) return true;
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
