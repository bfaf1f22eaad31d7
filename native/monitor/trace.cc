#include "monitor/trace.h"

#include <stdlib.h>
#include <string.h>

#include "monitor/json.h"
#include "monitor/stdio_hub.h"

namespace strake::monitor {

namespace {

bool isWanted() {
  const char* value = ::getenv("STRAKE_TRACE");
  return value != nullptr && ::strcmp(value, "1") == 0;
}

long microsecondsBetween(const timespec& from, const timespec& to) {
  return (to.tv_sec - from.tv_sec) * 1'000'000L + (to.tv_nsec - from.tv_nsec) / 1000;
}

}  // namespace

Trace::Trace(StdioHub& hub) : hub_(hub), enabled_(isWanted()) {
  if (enabled_) ::clock_gettime(CLOCK_MONOTONIC, &last_);
}

void Trace::step(const char* name) {
  if (!enabled_) return;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  hub_.tellLauncher(protocol::Frame::trace, traceJson(name, microsecondsBetween(last_, now)));
  ::clock_gettime(CLOCK_MONOTONIC, &last_);
}

}  // namespace strake::monitor
