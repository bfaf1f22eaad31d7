// What every monitor is: a run directory that it has locked, a loop, a hub, the launcher's connection, and
// one process that it supervises from the launch to the end.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "monitor/event_loop.h"
#include "monitor/json.h"
#include "monitor/stdio_hub.h"
#include "monitor/trace.h"
#include "runtime/launch.h"
#include "sys/lock.h"
#include "sys/time.h"

namespace strake::monitor {

class Monitor {
 public:
  /// `directory` has `lock` and gets state.json. `launcher` may be empty.
  Monitor(std::string directory, sys::UniqueFd launcher);
  /// Of the next run of the same container, in the same process: the lock was never free.
  Monitor(std::string directory, sys::FileLock lock, unsigned restarts);

  const std::string& directory() const { return directory_; }
  StdioHub& hub() { return hub_; }
  Trace& trace() { return trace_; }
  EventLoop& loop() { return loop_; }
  /// `name` in the run directory.
  std::string path(const char* name) const { return directory_ + "/" + name; }

  /// Throws sys::Error ERR_CONTAINER_STATE when another monitor has the directory.
  void lock();
  /// The process runs: state.json is written and `started` is sent.
  void announce(const runtime::Launched& launched, const std::string& cgroup);
  const State& state() const { return state_; }
  /// A container that waits for its process (Launched::go) is ready: tells the launcher and waits for what it
  /// says. Nothing: it wants the container no more. Throws LaunchError when the container's init is killed
  /// meanwhile.
  std::optional<std::string> waitForGo(const runtime::Launched& launched);
  /// Serves the clients until the process has ended, and reaps it. Its output may not be drained yet.
  ExitStatus waitForExit(runtime::Launched& launched);
  /// One that has ended already is no error; it is reaped by waitForExit().
  static void signal(const runtime::Launched& launched, int signal) noexcept;
  /// Kills and reaps a process that runs but cannot be supervised (its state cannot be written). None: does
  /// nothing.
  static void abandon(runtime::Launched& launched) noexcept;
  /// The next run is to come: says so in state.json, sends this run's last frame, and serves until it is
  /// time. False: `givenUp` came true before.
  bool backOff(const ExitStatus& status, std::chrono::milliseconds delay,
               const std::function<bool()>& givenUp);
  /// For the monitor of the next run.
  sys::FileLock takeLock();
  /// Gives up the lock, sends the last frame, and serves on until every client has taken what it is owed.
  /// `meanwhile`: what nobody needs to wait for.
  void finish(const ExitStatus& status, const std::function<void()>& meanwhile = {});
  /// Says why there is no process, and waits until that has been taken.
  void fail(const Failure& failure);

 private:
  void sendLast(const ExitStatus& status);
  void linger();
  /// `idle` is called when nothing has happened for a while.
  void serve(const std::function<bool()>& until, void (*idle)() noexcept);

  std::string directory_;
  EventLoop loop_;
  StdioHub hub_;
  Trace trace_;
  std::optional<sys::FileLock> lock_;
  State state_;
  bool hasFinished_ = false;
};

using sys::currentTime;

/// The exception that is being handled, for a `failed` frame.
Failure currentFailure();

}  // namespace strake::monitor
