// Bytes between two connections, both ways, until both have ended.
#pragma once
#include <string>

#include "monitor/event_loop.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

class TcpRelay {
 public:
  /// `accepted` is connected, `target` is about to be (non-blocking). What does not come about hangs up.
  TcpRelay(EventLoop& loop, sys::UniqueFd accepted, sys::UniqueFd target);
  ~TcpRelay();
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;
  /// Nothing will happen any more. Its owner destroys it, but not while it is called.
  bool isOver() const noexcept { return isOver_; }

 private:
  struct Side final : public Watcher {
    Side(TcpRelay& relay, sys::UniqueFd fd) : relay(relay), socket(std::move(fd)) {}
    void onEvents(uint32_t events) override;
    void take(uint32_t events);
    TcpRelay& relay;
    sys::UniqueFd socket;
    Side* other = nullptr;
    std::string unsent = {};  // for this side
    bool hasEnded = false;    // nothing more comes from it
    bool isShut = false;      // nothing more goes to it
    uint32_t watched = 0;
  };
  void read(Side& from);
  void flush(Side& to);
  void watch(Side& side, uint32_t wanted);
  void advance();
  void end() noexcept;

  EventLoop& loop_;
  Side accepted_, target_;
  bool isConnected_ = false, isOver_ = false;
};

}  // namespace strake::monitor
