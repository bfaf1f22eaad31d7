// pasta(1) or slirp4netns(1) beside a container of an ordinary user: what makes an interface in its network
// namespace out of the user's own sockets.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace strake::monitor {

/// A program that a guard waits for: a child of the monitor that is root in the container's user namespace.
/// Whoever opens namespaces there by a path needs somebody with the same identity behind it (ptrace(2),
/// "access mode checking"), and a signal for the death of a parent survives no change of identity: the kernel
/// kills the guard with the monitor, and the program with the guard.
class UserNetworkProgram {
 public:
  UserNetworkProgram() = default;
  /// Starts it; "{}" in its arguments becomes the path of the network namespace. Both namespaces are
  /// borrowed. Throws SysError.
  UserNetworkProgram(std::vector<std::string> argv, int userns, int netns);
  UserNetworkProgram(UserNetworkProgram&& other) noexcept;
  UserNetworkProgram& operator=(UserNetworkProgram&& other) noexcept;
  ~UserNetworkProgram() { stop(); }

  /// False: it runs. What it has said is in said(), at most 4 KiB of it.
  bool hasEnded() noexcept;
  std::string said() const;
  /// Once it has opened the namespace: from then on nobody looks behind the guard, whose /proc/PID/root is
  /// the host's.
  void hide() noexcept;
  /// Returns when it is gone. Idempotent.
  void stop() noexcept;

 private:
  pid_t guard_ = -1;
  sys::UniqueFd output_;
};

}  // namespace strake::monitor
