// What a monitor could not do and went on without: lines of RUN/containers/ID/monitor.log, for whoever
// wonders. A process has one container, and so one such file.
#pragma once
#include <exception>
#include <string>
#include <string_view>

namespace strake::monitor {

/// Where to; until then, and where it cannot be opened, the last few lines are kept for later.
void logTroubleTo(std::string path);

/// One line with the time before it. What has just been said is not said again within a second, and a file
/// that is full (64 KiB) takes no more.
void logTrouble(std::string_view what) noexcept;

/// Runs `step`; what it throws is logged, after `doing` ("port 80/tcp"). False: it has thrown.
template <typename Step>
bool pastTrouble(std::string_view doing, Step step) noexcept {
  try {
    step();
    return true;
  } catch (const std::exception& error) {
    try {
      logTrouble(std::string(doing) + ": " + error.what());
    } catch (const std::exception&) {
    }
    return false;
  }
}

}  // namespace strake::monitor
