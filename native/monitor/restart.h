// Whether and when a container that has ended runs again: docker's restart policies, decided by the monitor
// alone, so that they hold with no other process alive.
#pragma once
#include <chrono>
#include <optional>
#include <string>

namespace strake::monitor {

struct RestartPolicy {
  enum class Kind { no, onFailure, always, unlessStopped };
  Kind kind = Kind::no;
  unsigned maximumRetries = 0;  // of onFailure; 0: any number
  std::string stopMarker = {};  // a file that whoever stops the container makes: it then stays ended
};

/// The runs of one container that one monitor has supervised.
class RestartHistory {
 public:
  /// A run of that length has ended. The time to wait before the next, which is counted; nothing: there is
  /// none. 100 ms, doubled by each run of less than 10 s, at most a minute (moby restartmanager).
  std::optional<std::chrono::milliseconds> next(const RestartPolicy& policy, int exitCode,
                                                std::chrono::milliseconds ran);
  /// Restarts so far.
  unsigned count() const noexcept { return count_; }

 private:
  unsigned count_ = 0;
  std::chrono::milliseconds delay_{0};
};

/// Somebody has stopped it.
bool isStopped(const RestartPolicy& policy);

}  // namespace strake::monitor
