// One of the container's outputs: the read end of a pipe, or the master of its terminal.
#pragma once
#include <optional>
#include <span>

#include "monitor/event_loop.h"
#include "monitor/json_log.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

class OutputSource final : public Watcher {
 public:
  class Owner {
   public:
    /// `bytes` are valid during the call.
    virtual void onOutput(Stream stream, std::span<const char> bytes) = 0;

   protected:
    ~Owner() = default;
  };

  /// `fd` is made non-blocking.
  OutputSource(Stream stream, sys::UniqueFd fd, EventLoop& loop, Owner& owner);
  ~OutputSource();

  /// While paused the container's pipe fills, and then the container waits.
  void pause();
  void resume();
  /// Reads, without waiting, all that is there, and closes. No more than it can hold: a process that was left
  /// behind may write on for ever.
  void drain();
  void onEvents(uint32_t events) override;

 private:
  /// How much was read: 0 for nothing at the moment, none at the end.
  std::optional<size_t> read();
  size_t capacity() const;
  void close();

  Stream stream_;
  sys::UniqueFd fd_;
  EventLoop& loop_;
  Owner& owner_;
  bool watched_ = false;
};

}  // namespace strake::monitor
