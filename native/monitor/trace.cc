#include "monitor/trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monitor/json.h"
#include "monitor/stdio_hub.h"

namespace strake::monitor {

namespace {

bool isWanted() {
  const char* value = ::getenv("STRAKE_TRACE");
  return value != nullptr && ::strcmp(value, "1") == 0;
}

}  // namespace

Trace::Trace(StdioHub& hub) : hub_(hub), enabled_(isWanted()) {
  step("monitor");
}

void Trace::step(const char* name) {
  if (!enabled_) return;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  step(name, int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

void Trace::step(const std::string& name, int64_t at) {
  if (!enabled_) return;
  steps_ += (steps_.empty() ? "" : ",") + traceJson(name, at);
}

void Trace::flush() {
  if (steps_.empty()) return;
  hub_.tellLauncher(protocol::Frame::trace, "[" + steps_ + "]");
  steps_.clear();
}

}  // namespace strake::monitor
