// What the launcher and the child that becomes the container's init say to each other: one packet per message
// on a SOCK_SEQPACKET pair. The enumeration's order is the protocol's order. The child's end is
// close-on-exec: the end of the stream without `failed` is the message that the payload runs.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sys/unique_fd.h"

namespace strake::runtime {

enum class Message : uint8_t {
  born,        // a joiner: {pid}; only when a user namespace is joined
  tree,        // launcher: {index} and a detached mount that only the host's root could make
  mapped,      // launcher: ids are mapped, all trees are sent
  warning,     // child: {code, message}
  namespaced,  // child: namespaces and mounts are there, before pivot_root; only when hooks wait for it
  hooksRun,    // launcher: go on
  networked,   // launcher: the network namespace has its interfaces; only when somebody makes them
  console,     // child: {} and the pty's master
  ready,       // child: only when asked to stop before the exec
  go,          // launcher: {}, and a file with the process, where that comes later
  trace,       // child: {step, when it ended} …
  listener,    // child: {} and the seccomp notification descriptor
  failed,      // child: {code, step, errno, path, message}; nothing follows
};

struct Received {
  Message message;
  std::vector<std::string> fields;
  sys::UniqueFd fd;
};

class SyncSocket {
 public:
  explicit SyncSocket(sys::UniqueFd fd) : fd_(std::move(fd)) {}

  /// Two connected ends: launcher's, child's.
  static std::pair<SyncSocket, SyncSocket> pair();

  void send(Message message, const std::vector<std::string>& fields = {}, int fd = -1) const;
  /// The next message; nothing at the end of the stream (or when the peer was killed).
  std::optional<Received> receive() const;
  /// Waits for `expected`; throws SysError EPIPE when something else or the end comes.
  Received expect(Message expected) const;
  /// True when the other end is closed: its only holder is gone.
  bool hungUp() const noexcept;

  int get() const noexcept { return fd_.get(); }
  sys::UniqueFd release() noexcept { return std::move(fd_); }

 private:
  sys::UniqueFd fd_;
};

}  // namespace strake::runtime
