#include "monitor/health.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "monitor/memory.h"
#include "monitor/monitor.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::monitor {

namespace {

constexpr size_t keptOutput = 4096;  // bytes, docker's

sys::UniqueFd makeTimer() {
  return sys::UniqueFd(
      sys::check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create"));
}

int reap(int pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) < 0 && errno == EINTR) continue;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

}  // namespace

/// One run of the check.
struct HealthMonitor::Probe {
  std::string start = currentTime();
  std::chrono::milliseconds age{0};  // of the container when it began
  bool tookTooLong = false;
  std::string text = {};
  std::unique_ptr<Readiness> output = {}, exit = {};
};

HealthMonitor::HealthMonitor(EventLoop& loop, HealthCheck check, std::string statusPath, Container container)
    : loop_(loop),
      check_(std::move(check)),
      status_(check_),
      statusPath_(std::move(statusPath)),
      container_(std::move(container)),
      timer_(loop, makeTimer(), [this] { onTimer(); }) {
  setTimer(status_.pause(age()));
}

HealthMonitor::~HealthMonitor() {
  if (!probe_ || !probe_->exit) return;
  ::syscall(SYS_pidfd_send_signal, probe_->exit->fd(), SIGKILL, nullptr, 0);
  reap(probe_->exit->fd());
}

void HealthMonitor::onTimer() {
  uint64_t expirations = 0;
  static_cast<void>(::read(timer_.fd(), &expirations, sizeof expirations) < 0);
  if (isEnding_) return container_.signal(SIGKILL);
  if (!probe_) return begin();
  probe_->tookTooLong = true;
  ::syscall(SYS_pidfd_send_signal, probe_->exit->fd(), SIGKILL, nullptr, 0);
}

void HealthMonitor::begin() {
  if (container_.isPaused()) return setTimer(status_.pause(age()));
  probe_ = std::make_unique<Probe>();
  probe_->age = age();
  int ends[2];
  try {
    sys::check(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
    sys::UniqueFd ours(ends[0]), theirs(ends[1]);
    ::fcntl(theirs.get(), F_SETFL, 0);  // it need not know that we do not wait
    runtime::Launched launched = container_.execute(check_.argv, theirs.get());
    probe_->output = std::make_unique<Readiness>(loop_, std::move(ours), [this] { onOutput(); });
    probe_->exit = std::make_unique<Readiness>(loop_, std::move(launched.pidfd), [this] { onExit(); });
    setTimer(check_.timeout);
  } catch (const std::exception& error) {
    end(-1, error.what());
  }
}

/// More than is kept is read all the same: the check must not wait for us.
void HealthMonitor::onOutput() {
  const std::span<char> buffer = scratch();
  const ssize_t count = ::read(probe_->output->fd(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return probe_->output.reset();
  const size_t room = keptOutput - probe_->text.size();
  probe_->text.append(buffer.data(), std::min(room, static_cast<size_t>(count)));
}

void HealthMonitor::onExit() {
  const int exitCode = reap(probe_->exit->fd());
  if (probe_->output) onOutput();
  if (!probe_->tookTooLong) return end(exitCode, std::move(probe_->text));
  end(-1,
      "the health check took longer than " + std::to_string(check_.timeout.count()) + " ms and was killed");
}

void HealthMonitor::end(int exitCode, std::string output) {
  const std::unique_ptr<Probe> probe = std::move(probe_);
  setTimer(status_.pause(age()));
  const char* before = status_.name();
  const bool isNewlyUnhealthy = status_.record(
      {.start = probe->start, .end = currentTime(), .exitCode = exitCode, .output = std::move(output)},
      probe->age);
  publish();
  if (status_.name() != before) container_.onChange(status_.name());
  if (isNewlyUnhealthy) becomeUnhealthy();
}

void HealthMonitor::becomeUnhealthy() {
  if (!check_.ending) return;
  isEnding_ = true;
  container_.signal(check_.ending->signal);
  setTimer(check_.ending->timeout);
}

/// On a full disk the last status stays.
void HealthMonitor::publish() const {
  try {
    sys::writeFileAtomic(statusPath_, status_.json(), 0600, false);
  } catch (const sys::SysError&) {
  }
}

void HealthMonitor::setTimer(std::chrono::milliseconds delay) {
  const auto bounded = std::max(delay, std::chrono::milliseconds(1));  // 0 would disarm it
  itimerspec time{};
  time.it_value.tv_sec = bounded.count() / 1000;
  time.it_value.tv_nsec = bounded.count() % 1000 * 1'000'000;
  ::timerfd_settime(timer_.fd(), 0, &time, nullptr);
}

std::chrono::milliseconds HealthMonitor::age() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - startedAt_);
}

}  // namespace strake::monitor
