#include "sys/time.h"

#include <stdio.h>

namespace strake::sys {

std::string formatTime(const timespec& time) {
  tm utc{};
  ::gmtime_r(&time.tv_sec, &utc);
  char text[64];
  int length = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09ld", utc.tm_year + 1900,
                        utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time.tv_nsec);
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
