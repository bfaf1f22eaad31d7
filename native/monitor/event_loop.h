// Readiness of descriptors, one at a time (epoll).
#pragma once
#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "sys/unique_fd.h"

namespace strake::monitor {

class Watcher {
 public:
  /// `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR.
  virtual void onEvents(uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

/// Level-triggered. A watched descriptor belongs to its watcher, which removes it before closing it.
class EventLoop {
 public:
  EventLoop();
  void add(int fd, uint32_t events, Watcher* watcher);
  void modify(int fd, uint32_t events, Watcher* watcher);
  void remove(int fd) noexcept;
  /// Not watched for a tenth of a second, and then as it was: what is ready and cannot be served (accept(2)
  /// without a descriptor left) would be told of again and again.
  void pause(int fd, uint32_t events, Watcher* watcher);
  /// Waits for one descriptor and tells its watcher. One, because a watcher may destroy another whose event
  /// would be next; the kernel rotates its ready list, so none starves. `timeout` in ms, -1 for ever. False:
  /// nothing came.
  bool runOnce(int timeout = -1);

 private:
  struct Paused {
    int fd;
    uint32_t events;
    Watcher* watcher;
    std::chrono::steady_clock::time_point until;
  };
  /// `timeout`, or less where something is paused.
  int resume(int timeout);

  sys::UniqueFd epoll_;
  std::vector<Paused> paused_;
};

/// A descriptor in the loop whose readiness is a call.
class Readiness final : public Watcher {
 public:
  Readiness(EventLoop& loop, sys::UniqueFd fd, std::function<void()> call);
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  int fd() const noexcept { return fd_.get(); }
  void onEvents(uint32_t) override { call_(); }

 private:
  EventLoop& loop_;
  sys::UniqueFd fd_;
  std::function<void()> call_;
};

}  // namespace strake::monitor
