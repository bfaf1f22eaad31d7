#include "sys/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

namespace strake::sys {

namespace {

constexpr int startTimeField = 22;

/// The rest of a stat line from field 3 on. Field 2 is the command in parentheses and may itself hold any of
/// them.
std::string_view afterCommand(std::string_view line) {
  const size_t end = line.rfind(')');
  return end == std::string_view::npos || end + 2 > line.size() ? std::string_view() : line.substr(end + 2);
}

}  // namespace

std::optional<std::string> processStartTime(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  char line[1024];
  const ssize_t length = fd ? ::read(fd.get(), line, sizeof line) : -1;
  if (length <= 0) return std::nullopt;
  std::string_view rest = afterCommand({line, static_cast<size_t>(length)});
  if (rest.empty() || rest[0] == 'Z' || rest[0] == 'X') return std::nullopt;
  for (int field = 3; field < startTimeField; ++field) {
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  return std::string(rest.substr(0, rest.find(' ')));
}

UniqueFd openProcess(pid_t pid, const std::string& startTime) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // The descriptor holds the process, so a start time that is read after it was opened is that process's own.
  if (pidfd && processStartTime(pid) == startTime) return pidfd;
  return {};
}

}  // namespace strake::sys
