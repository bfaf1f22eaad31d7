// Where the time of a start goes: STRAKE_TRACE=1 makes each step a `trace` frame, with its own duration.
#pragma once
#include <time.h>

namespace strake::monitor {

class StdioHub;

class Trace {
 public:
  explicit Trace(StdioHub& hub);
  /// `name` has just ended.
  void step(const char* name);
  bool enabled() const noexcept { return enabled_; }

 private:
  StdioHub& hub_;
  bool enabled_;
  timespec last_{};
};

}  // namespace strake::monitor
