// Where the time of a start goes: STRAKE_TRACE=1 makes each step a part of a `trace` frame, by when it ended.
#pragma once
#include <cstdint>
#include <string>

namespace strake::monitor {

class StdioHub;

/// Steps are put together and sent at once, so that telling them does not show in the times.
class Trace {
 public:
  explicit Trace(StdioHub& hub);
  /// `name` has just ended, or at `at` (nanoseconds of CLOCK_MONOTONIC).
  void step(const char* name);
  void step(const std::string& name, int64_t at);
  /// Sends what there is to the launcher.
  void flush();
  bool enabled() const noexcept { return enabled_; }

 private:
  StdioHub& hub_;
  bool enabled_;
  std::string steps_ = {};
};

}  // namespace strake::monitor
