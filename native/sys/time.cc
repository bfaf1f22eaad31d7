#include "sys/time.h"

#include <stdio.h>

#include <chrono>

namespace strake::sys {

// Not gmtime_r(3): its first call in a process reads /etc/localtime, which shows in the time of an exec.
std::string formatTime(const timespec& time) {
  using std::chrono::floor, std::chrono::days;
  const std::chrono::sys_seconds second{std::chrono::seconds(time.tv_sec)};
  const std::chrono::year_month_day date{floor<days>(second)};
  const std::chrono::hh_mm_ss clock{second - floor<days>(second)};
  char text[64];
  int length =
      snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%09ld", static_cast<int>(date.year()),
               static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
               static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
               static_cast<int>(clock.seconds().count()), time.tv_nsec);
  while (text[length - 1] == '0') --length;
  if (text[length - 1] == '.') --length;
  return std::string(text, static_cast<size_t>(length)) + "Z";
}

std::string currentTime() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return formatTime(now);
}

}  // namespace strake::sys
