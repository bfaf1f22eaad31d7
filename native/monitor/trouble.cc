#include "monitor/trouble.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "sys/process.h"
#include "sys/time.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr off_t largestFile = 64 * 1024;
constexpr size_t mostPending = 4096;
constexpr std::chrono::seconds quietTime{1};

struct Log {
  std::string path, pending, last;
  Clock::time_point lastTime;
};

Log& log() {
  static Log theLog;
  return theLog;
}

void flush(Log& log) {
  if (log.path.empty() || log.pending.empty()) return;
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  const sys::UniqueFd file(::open(log.path.c_str(), flags, 0600));
  if (!file) return;
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && status.st_size < largestFile)
    static_cast<void>(::write(file.get(), log.pending.data(), log.pending.size()) < 0);
  log.pending.clear();
}

}  // namespace

void logTroubleTo(std::string path) {
  log().path = std::move(path);
  flush(log());
}

void logTrouble(std::string_view what) noexcept try {
  Log& it = log();
  const auto now = Clock::now();
  if (it.last == what && now - it.lastTime < quietTime) return;
  it.last = what;
  it.lastTime = now;
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  if (it.pending.size() < mostPending) it.pending += sys::formatTime(time) + " " + std::string(what) + "\n";
  flush(it);
} catch (const std::exception&) {
}

}  // namespace strake::monitor
