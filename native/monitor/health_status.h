// What a container's health checks say about it: docker's rules, without a clock or a process of their own.
#pragma once
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace strake::monitor {

struct HealthCheck {
  std::vector<std::string> argv = {};
  std::chrono::milliseconds interval{30'000}, timeout{30'000}, startPeriod{0}, startInterval{5'000};
  unsigned retries = 3;  // failures in a row that make it unhealthy
  /// For a container that is to be ended when it becomes unhealthy, so that its restart policy applies: the
  /// signal, and the time after which SIGKILL follows.
  struct Ending {
    int signal = 0;
    std::chrono::milliseconds timeout{0};
  };
  std::optional<Ending> ending = std::nullopt;
};

struct ProbeResult {
  std::string start, end;  // RFC 3339
  int exitCode = 0;        // 0 is healthy; -1: it took too long, or could not be executed
  std::string output;      // its beginning
};

class HealthStatus {
 public:
  explicit HealthStatus(const HealthCheck& check) : check_(check) {}
  /// `age`: of the container when the probe began. Failures within the start period count only after the
  /// first success. True: this made it unhealthy.
  bool record(ProbeResult result, std::chrono::milliseconds age);
  /// Until the next probe.
  std::chrono::milliseconds pause(std::chrono::milliseconds age) const;
  /// starting, healthy or unhealthy; the same pointer for the same.
  const char* name() const noexcept;
  /// {"status":"starting|healthy|unhealthy","failingStreak":n,"log":[the last five, oldest first]}
  std::string json() const;

 private:
  enum class Health { starting, healthy, unhealthy };

  const HealthCheck& check_;
  Health health_ = Health::starting;
  unsigned failures_ = 0;  // in a row
  std::deque<ProbeResult> log_;
};

}  // namespace strake::monitor
