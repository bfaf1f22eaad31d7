// Times as all files and messages here have them.
#pragma once
#include <time.h>

#include <string>

namespace strake::sys {

/// RFC 3339 in UTC, up to nanoseconds, without trailing zeros (as Go writes it).
std::string formatTime(const timespec& time);

/// Now, by CLOCK_REALTIME.
std::string currentTime();

}  // namespace strake::sys
