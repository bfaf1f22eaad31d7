// One client of a monitor: the launcher, or a connection to attach.sock.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "monitor/event_loop.h"
#include "protocol/frame_reader.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

/// Which streams a client takes part in.
struct Attach {
  bool in = false, out = false, err = false;
};

class Connection final : public Watcher, private protocol::FrameHandler {
 public:
  class Owner {
   public:
    virtual void onClientStdin(Connection&, std::span<const char> bytes) = 0;
    virtual void onClientFrame(Connection&, protocol::Frame, std::span<const char> payload) = 0;
    /// It sends nothing more, but may still read (shutdown(SHUT_WR)).
    virtual void onClientEnd(Connection&) = 0;
    /// It hung up or broke the protocol. closed() holds; the owner destroys it, later.
    virtual void onClientClosed(Connection&) = 0;
    /// Some of what was unsent has been taken.
    virtual void onClientTook(Connection&) = 0;
    /// False: stdin is full; the client is not read until resume().
    virtual bool acceptsInput() const = 0;

   protected:
    ~Owner() = default;
  };

  /// `expectsAttach`: the client has to begin with an attach frame and gets nothing before.
  Connection(sys::UniqueFd socket, bool expectsAttach, EventLoop& loop, Owner& owner);
  ~Connection();

  Attach attach;
  bool expectsAttach;
  /// It is too far behind, and has not caught up since: its owner's to say.
  bool lagging = false;

  /// Sends, or keeps what the client does not take yet. The caller bounds how much that becomes.
  void send(protocol::Frame type, std::span<const char> payload);
  bool hasUnsent() const noexcept { return !unsent_.empty(); }
  /// Bytes that it has not taken yet.
  size_t behind() const noexcept { return unsent_.size(); }
  /// Nothing more will be sent: the client sees the end once it has taken everything. What it still sends is
  /// read and dropped until it hangs up: a write of its own that fails might cost it what it has not read
  /// yet.
  void end();
  bool closed() const noexcept { return !socket_; }
  /// Reads on after acceptsInput() was false.
  void resume();
  void close();
  void onEvents(uint32_t events) override;

 private:
  void onStdin(std::span<const char> bytes) override;
  void onFrame(protocol::Frame type, std::span<const char> payload) override;
  void read();
  void flush();
  void hangUp();
  void watch();

  sys::UniqueFd socket_;
  EventLoop& loop_;
  Owner& owner_;
  protocol::FrameReader reader_;
  std::string unsent_;
  uint32_t watched_ = 0;
  bool inEpoll_ = false;
  bool ending_ = false;  // end() was called
  bool ended_ = false;   // nothing more to read
  bool hungUp_ = false;  // nobody reads; what was sent to us may still be there
};

}  // namespace strake::monitor
