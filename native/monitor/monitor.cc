#include "monitor/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "monitor/memory.h"
#include "sys/error.h"
#include "sys/process.h"
#include "sys/whole_file.h"

namespace strake::monitor {

using protocol::Frame;

namespace {

constexpr int idleAfter = 200;                          // ms without an event
constexpr int lingerAfter = 5000;                       // ms without an event
constexpr std::chrono::milliseconds lookInterval{100};  // for who gives up
constexpr std::chrono::milliseconds slowClientPatience{10'000};
constexpr int lockAttempts = 500;
constexpr useconds_t lockPause = 2000;

std::string timeAfter(std::chrono::milliseconds delay) {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  const int64_t nanoseconds = time.tv_nsec + delay.count() % 1000 * 1'000'000;
  time.tv_sec += delay.count() / 1000 + nanoseconds / 1'000'000'000;
  time.tv_nsec = nanoseconds % 1'000'000'000;
  return sys::formatTime(time);
}

void setOomScore(std::string_view adjustment) {
  const sys::UniqueFd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (file) static_cast<void>(::write(file.get(), adjustment.data(), adjustment.size()) < 0);
}

/// The last to go when memory runs out, where that is permitted. Not before the launch: the container would
/// inherit it.
void outliveOom() {
  setOomScore("-999");
}

class ExitWatcher final : public Watcher {
 public:
  ExitWatcher(int pidfd, EventLoop& loop) : pidfd_(pidfd), loop_(loop) { loop_.add(pidfd_, EPOLLIN, this); }
  ~ExitWatcher() { loop_.remove(pidfd_); }
  bool exited = false;
  void onEvents(uint32_t) override { exited = true; }

 private:
  int pidfd_;
  EventLoop& loop_;
};

ExitStatus reapProcess(int pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) < 0) {
    if (errno != EINTR) sys::throwErrno("waitid");
  }
  ExitStatus status;
  status.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  status.exitCode = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  status.finishedAt = currentTime();
  return status;
}

}  // namespace

Monitor::Monitor(std::string directory, sys::UniqueFd launcher)
    : directory_(std::move(directory)), hub_(loop_), trace_(hub_) {
  if (launcher) hub_.addLauncher(std::move(launcher));
}

Monitor::Monitor(std::string directory, sys::FileLock lock, unsigned restarts)
    : directory_(std::move(directory)), hub_(loop_), trace_(hub_), lock_(std::move(lock)) {
  state_.restarts = restarts;
  setOomScore("0");
}

/// Waits a little: whoever looks whether the lock is free holds it for a moment.
void Monitor::lock() {
  for (int attempt = 0; attempt < lockAttempts; ++attempt) {
    lock_ = sys::tryLockFile(path("lock"), sys::LockMode::exclusive);
    if (lock_) break;
    ::usleep(lockPause);
  }
  if (!lock_) {
    throw sys::Error("ERR_CONTAINER_STATE", directory_ + " has a monitor already: the container is running");
  }
  ::unlink(path("state.json").c_str());  // of an earlier run
}

void Monitor::announce(const runtime::Launched& launched, const std::string& cgroup) {
  trace_.step("launch.executed");
  for (const runtime::TraceStep& step : launched.trace) {
    trace_.step("launch." + step.step, step.at);
  }
  for (const runtime::Warning& warning : launched.warnings) {
    hub_.tellLauncher(Frame::warning, warningJson(warning.code, warning.message));
  }
  const std::string pidStart =
      state_.pidStart.empty() ? sys::processStartTime(launched.pid).value_or("0") : state_.pidStart;
  state_ = {.monitorPid = ::getpid(),
            .pid = launched.pid,
            .pidStart = pidStart,
            .startedAt = currentTime(),
            .cgroup = cgroup,
            .restarts = state_.restarts};
  sys::writeFileAtomic(path("state.json"), stateJson(state_), 0600, false);
  trace_.step("announce");
  trace_.flush();
  hub_.start(startedJson(state_));
  outliveOom();
}

std::optional<std::string> Monitor::waitForGo(const runtime::Launched& launched) {
  const ExitWatcher watcher(launched.pidfd.get(), loop_);
  state_.pidStart = sys::processStartTime(launched.pid).value_or("0");
  hub_.tellLauncher(Frame::ready, "{}");
  // What it is made of stays at hand: each page of it would come by a fault while somebody waits for the
  // exec.
  serve([&] { return watcher.exited || hub_.hasGo() || hub_.launcherIsGone(); }, releaseHeap);
  if (watcher.exited)
    throw runtime::LaunchError("ERR_LAUNCH_FAILED", "wait", 0, "",
                               "the container's init was killed while it waited");
  return hub_.takeGo();
}

ExitStatus Monitor::waitForExit(runtime::Launched& launched) {
  const ExitWatcher watcher(launched.pidfd.get(), loop_);
  serve([&] { return watcher.exited; }, releaseMemory);
  return reapProcess(launched.pidfd.get());
}

void Monitor::signal(const runtime::Launched& launched, int signal) noexcept {
  ::syscall(SYS_pidfd_send_signal, launched.pidfd.get(), signal, nullptr, 0);
}

void Monitor::abandon(runtime::Launched& launched) noexcept {
  if (!launched.pidfd) return;
  siginfo_t info{};
  signal(launched, SIGKILL);
  while (::waitid(P_PIDFD, static_cast<id_t>(launched.pidfd.get()), &info, WEXITED) < 0 && errno == EINTR)
    continue;
}

/// A client that is slow gets what it is owed, up to a point: it must not keep the container down for ever.
bool Monitor::backOff(const ExitStatus& status, std::chrono::milliseconds delay,
                      const std::function<bool()>& givenUp) {
  using Clock = std::chrono::steady_clock;
  sys::writeFileAtomic(path("state.json"), restartingJson(state_, timeAfter(delay)), 0600, false);
  sendLast(status);
  const auto due = Clock::now() + delay;
  while (!givenUp()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now());
    if (left <= (hub_.hasUnsent() ? -slowClientPatience : std::chrono::milliseconds(0))) return true;
    loop_.runOnce(static_cast<int>(std::clamp(left, std::chrono::milliseconds(1), lookInterval).count()));
    hub_.reap();
  }
  return false;
}

sys::FileLock Monitor::takeLock() {
  sys::FileLock lock = std::move(*lock_);
  lock_.reset();
  return lock;
}

void Monitor::finish(const ExitStatus& status, const std::function<void()>& meanwhile) {
  if (lock_) lock_->release();  // first: whoever is told of the end finds nobody here
  sendLast(status);
  if (meanwhile) meanwhile();
  linger();
}

void Monitor::sendLast(const ExitStatus& status) {
  if (std::exchange(hasFinished_, true)) return;
  trace_.flush();
  hub_.finish(exitedJson(status));
}

void Monitor::fail(const Failure& failure) {
  if (lock_) lock_->release();
  hub_.tellLauncher(Frame::failed, failedJson(failure));
  hub_.end();
  linger();
}

/// Until every client has hung up. One that does nothing is not waited for long, unless it is the launcher
/// and owed something.
void Monitor::linger() {
  hub_.reap();
  while (hub_.hasClients()) {
    const bool active = loop_.runOnce(hub_.launcherHasUnsent() ? -1 : lingerAfter);
    hub_.reap();
    if (!active) return;
  }
}

void Monitor::serve(const std::function<bool()>& until, void (*idle)() noexcept) {
  int timeout = idleAfter;
  while (!until()) {
    const bool active = loop_.runOnce(timeout);
    hub_.reap();
    timeout = active ? idleAfter : -1;
    if (active) continue;
    hub_.trim();
    idle();
  }
}

Failure currentFailure() {
  try {
    throw;
  } catch (const runtime::LaunchError& error) {
    return {error.code(), error.step(), error.error(), error.path(), error.what()};
  } catch (const sys::Error& error) {
    return {error.code(), "prepare", 0, "", error.what()};
  } catch (const sys::SysError& error) {
    return {"ERR_LAUNCH_FAILED", error.call(), error.error(), error.path(), error.what()};
  } catch (const std::exception& error) {
    return {"ERR_LAUNCH_FAILED", "prepare", 0, "", error.what()};
  }
}

}  // namespace strake::monitor
