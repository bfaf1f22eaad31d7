#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "oci-runtime/commands.h"
#include "sys/directory.h"
#include "sys/error.h"
#include "sys/send_descriptor.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

/// The caller's terminal in raw mode, until the end.
class RawTerminal {
 public:
  RawTerminal() : isTerminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!isTerminal_) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~RawTerminal() {
    if (isTerminal_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool isTerminal_;
};

sys::UniqueFd catchSignals() {
  sigset_t all;
  ::sigfillset(&all);
  for (const int synchronous : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) ::sigdelset(&all, synchronous);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  return sys::UniqueFd(sys::check(::signalfd(-1, &all, SFD_CLOEXEC), "signalfd"));
}

void resize(int master) {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master, TIOCSWINSZ, &size);
}

void forward(int signals, const runtime::Launched& launched) {
  signalfd_siginfo info{};
  if (::read(signals, &info, sizeof info) != sizeof info) return;
  const int number = static_cast<int>(info.ssi_signo);
  if (number == SIGCHLD) return;
  if (number == SIGWINCH && launched.console) return resize(launched.console.get());
  ::syscall(SYS_pidfd_send_signal, launched.pidfd.get(), number, nullptr, 0);
}

/// What can be read now, nothing when that is nothing; `file` is -1 after its end.
std::string readSome(int& file) {
  char buffer[16384];
  const ssize_t n = ::read(file, buffer, sizeof buffer);
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) file = -1;
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "";
}

/// Carries input to the container's terminal and its output back. Never waits until the program reads: it may
/// itself be waiting until what it prints is taken.
class Relay {
 public:
  explicit Relay(int master) : master_(master), input_(master < 0 ? -1 : STDIN_FILENO) {
    if (master >= 0) ::fcntl(master, F_SETFL, ::fcntl(master, F_GETFL) | O_NONBLOCK);
  }
  pollfd terminal() const {
    return {master_, static_cast<short>(pending_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
  }
  pollfd input() const { return {pending_.empty() ? input_ : -1, POLLIN, 0}; }

  void takeInput() { pending_ = readSome(input_); }
  void giveInput() {
    const ssize_t n = ::write(master_, pending_.data(), pending_.size());
    if (n > 0) pending_.erase(0, static_cast<size_t>(n));
  }
  /// Output that nobody takes any more is dropped, so that the program ends as it would.
  void takeOutput() {
    const std::string text = readSome(master_);
    if (outputGone_) return;
    try {
      sys::writeAll(STDOUT_FILENO, text, "standard output");
    } catch (const sys::SysError&) {
      outputGone_ = true;
    }
  }

 private:
  int master_, input_;
  std::string pending_;  // input that the terminal has not taken yet
  bool outputGone_ = false;
};

int statusOf(const runtime::Launched& launched) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(launched.pidfd.get()), &info, WEXITED) < 0)
    if (errno != EINTR) sys::throwErrno("waitid");
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int countOf(const char* name, const std::string& text) {
  char* end = nullptr;
  const long count = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || count < 0 || count > 1024)
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     std::string(name) + ": expected 0 to 1024, not \"" + text + "\"");
  return static_cast<int>(count);
}

std::vector<int> openDescriptors(const char* name, int first, int count) {
  std::vector<int> list;
  for (int fd = first; fd < first + count; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0)
      throw sys::Error("ERR_INVALID_ARGUMENT",
                       std::string(name) + ": " + std::to_string(fd) + " is not open");
    list.push_back(fd);
  }
  return list;
}

/// How many sockets a supervisor hands to this process (sd_listen_fds(3)).
int listeningSockets() {
  const char* count = ::getenv("LISTEN_FDS");
  const char* pid = ::getenv("LISTEN_PID");
  if (!count || !pid || std::to_string(::getpid()) != pid) return 0;
  return countOf("LISTEN_FDS", count);
}

}  // namespace

int waitForExit(const runtime::Launched& launched) {
  const sys::UniqueFd signals = catchSignals();
  const int master = launched.console ? launched.console.get() : -1;
  std::unique_ptr<RawTerminal> raw;
  if (master >= 0) raw = std::make_unique<RawTerminal>(), resize(master);
  Relay relay(master);
  for (;;) {
    pollfd waits[] = {
        {launched.pidfd.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}, relay.terminal(), relay.input()};
    if (::poll(waits, 4, -1) < 0 && errno != EINTR) sys::throwErrno("poll");
    if (waits[1].revents) forward(signals.get(), launched);
    if (waits[2].revents & POLLOUT) relay.giveInput();
    if (waits[2].revents & ~POLLOUT) relay.takeOutput();
    if (waits[3].revents) relay.takeInput();
    if (waits[0].revents && !(waits[2].revents & POLLIN)) return statusOf(launched);
  }
}

void sendConsole(int master, const std::string& path) {
  sys::sendDescriptor(sys::connectUnix(path).get(), "/dev/ptmx", master, path);
}

std::vector<int> preservedDescriptors(const Options& options) {
  const int count = countOf("--preserve-fds", options.value("preserve-fds", "0"));
  return openDescriptors("--preserve-fds", 3, count);
}

Passed passedDescriptors(const Options& options) {
  const int listening = listeningSockets();
  const int more = countOf("--preserve-fds", options.value("preserve-fds", "0"));
  Passed passed{openDescriptors("LISTEN_FDS", 3, listening), {}};
  const std::vector<int> preserved = openDescriptors("--preserve-fds", 3 + listening, more);
  passed.descriptors.insert(passed.descriptors.end(), preserved.begin(), preserved.end());
  if (listening > 0)  // the container's init is its process 1
    passed.environment = {"LISTEN_FDS=" + std::to_string(listening), "LISTEN_PID=1"};
  return passed;
}

void closeInherited(const std::vector<int>& kept) {
  sys::Directory own(
      sys::UniqueFd(sys::check(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open")),
      "/proc/self/fd");
  for (const std::string& name : own.names()) {
    const int fd = std::atoi(name.c_str());
    const bool inherited = fd > STDERR_FILENO && !(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    if (inherited && std::ranges::find(kept, fd) == kept.end()) ::close(fd);
  }
}

void writePidFile(const std::string& path, pid_t pid) {
  if (!path.empty()) sys::writeFileAtomic(path, std::to_string(pid), 0644, false);
}

}  // namespace strake::oci_runtime
