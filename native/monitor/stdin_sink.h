// The container's standard input: a pipe, or the master of its terminal. Never blocks the monitor.
#pragma once
#include <span>
#include <string>

#include "monitor/event_loop.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

class StdinSink final : public Watcher {
 public:
  class Owner {
   public:
    /// Everything was taken: clients may be read again.
    virtual void onStdinDrained() = 0;

   protected:
    ~Owner() = default;
  };

  /// `fd` is made non-blocking. A terminal's stays open when the input ends: closing would hang the terminal
  /// up.
  StdinSink(sys::UniqueFd fd, EventLoop& loop, Owner& owner);
  ~StdinSink();

  /// Takes all of `bytes`; what the container does not read yet is kept. After the end, or once the container
  /// has closed its side, bytes are dropped.
  void write(std::span<const char> bytes);
  /// Something is kept: read no more from clients.
  bool isFull() const noexcept { return !kept_.empty(); }
  /// Closes when everything has been taken.
  void end();
  void onEvents(uint32_t events) override;

 private:
  /// How many of `bytes` were taken; closes on an error.
  size_t tryWrite(std::span<const char> bytes);
  void close();

  sys::UniqueFd fd_;
  EventLoop& loop_;
  Owner& owner_;
  std::string kept_;
  bool watched_ = false;
  bool ended_ = false;
};

}  // namespace strake::monitor
