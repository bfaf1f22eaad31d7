// Runs a container's health checks for as long as it runs.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "monitor/event_loop.h"
#include "monitor/health_status.h"
#include "runtime/launch.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

class HealthMonitor {
 public:
  /// What it needs of the container.
  struct Container {
    /// Executes `argv` with its output to `output`, as the container's own process would be; throws.
    std::function<runtime::Launched(const std::vector<std::string>& argv, int output)> execute;
    /// Frozen: it cannot be asked, and nothing is held against it.
    std::function<bool()> isPaused;
    /// Sends its process 1 a signal.
    std::function<void(int signal)> signal;
    /// It is `status` now, and was not before.
    std::function<void(const char* status)> onChange;
  };

  /// `statusPath` is there, and is written again after each probe. The first one is due after a pause.
  HealthMonitor(EventLoop& loop, HealthCheck check, std::string statusPath, Container container);
  /// A probe that runs is killed.
  ~HealthMonitor();

 private:
  using Clock = std::chrono::steady_clock;
  struct Probe;

  void onTimer();
  void begin();
  void onOutput();
  void onExit();
  void end(int exitCode, std::string output);
  void becomeUnhealthy();
  void publish() const;
  void setTimer(std::chrono::milliseconds delay);
  std::chrono::milliseconds age() const;

  EventLoop& loop_;
  HealthCheck check_;
  HealthStatus status_;
  std::string statusPath_;
  Container container_;
  Clock::time_point startedAt_ = Clock::now();
  Readiness timer_;
  std::unique_ptr<Probe> probe_;
  bool isEnding_ = false;
};

}  // namespace strake::monitor
