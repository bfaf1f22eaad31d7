// What launch() and exec() have in common on the parent's side.
#pragma once
#include "runtime/launch.h"
#include "runtime/namespaces.h"
#include "runtime/sync_socket.h"

namespace strake::runtime {

/// A child that is not executing its payload yet. Unless released it is killed and reaped: a failed start
/// leaves nothing.
class StartingChild {
 public:
  StartingChild(Child child, SyncSocket sync) : child_(std::move(child)), sync_(std::move(sync)) {}
  ~StartingChild();

  pid_t pid() const noexcept { return child_.pid; }
  const SyncSocket& sync() const noexcept { return sync_; }

  /// Reads messages into `launched` until `until` comes; false when the stream ends first. Throws LaunchError
  /// for `failed`.
  bool collect(Launched& launched, Message until);

  /// Reads messages until the stream ends: the payload runs. Throws LaunchError for `failed`.
  void collectToExec(Launched& launched);

  /// The payload runs, or waits for go(): hands everything over.
  void releaseTo(Launched& launched);

 private:
  void take(Received& received, Launched& launched);

  Child child_;
  SyncSocket sync_;
};

/// The message that was received as `failed`, as what launch() throws.
LaunchError toLaunchError(const Received& received);

}  // namespace strake::runtime
