#include "monitor/restart.h"

#include <unistd.h>

#include <algorithm>

namespace strake::monitor {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds firstDelay = 100ms, longestDelay = 1min, longRun = 10s;

bool applies(const RestartPolicy& policy, int exitCode, unsigned restarts) {
  switch (policy.kind) {
    case RestartPolicy::Kind::no:
      return false;
    case RestartPolicy::Kind::onFailure:
      return exitCode != 0 && (policy.maximumRetries == 0 || restarts < policy.maximumRetries);
    case RestartPolicy::Kind::always:
    case RestartPolicy::Kind::unlessStopped:
      return true;
  }
  return false;
}

}  // namespace

std::optional<std::chrono::milliseconds> RestartHistory::next(const RestartPolicy& policy, int exitCode,
                                                              std::chrono::milliseconds ran) {
  if (!applies(policy, exitCode, count_)) return std::nullopt;
  delay_ = ran >= longRun || delay_ == 0ms ? firstDelay : std::min(delay_ * 2, longestDelay);
  ++count_;
  return delay_;
}

bool isStopped(const RestartPolicy& policy) {
  return ::access(policy.stopMarker.c_str(), F_OK) == 0;
}

}  // namespace strake::monitor
