#include "monitor/user_network_program.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "sys/error.h"

namespace strake::monitor {

namespace {

constexpr off_t largestOutput = 4096;
constexpr int netnsFd = 3;

/// A file in memory that takes no more than that.
sys::UniqueFd makeOutput() {
  sys::UniqueFd file(
      sys::check(::memfd_create("network program", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create"));
  sys::check(::ftruncate(file.get(), largestOutput), "ftruncate");
  sys::check(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), "fcntl");
  return file;
}

/// Raw, as everything between fork and exec here: a program with no other threads, but a libc that may think
/// otherwise.
bool becomeRoot(int userns) {
  return ::setns(userns, CLONE_NEWUSER) == 0 && ::syscall(SYS_setresgid, 0, 0, 0) == 0 &&
         ::syscall(SYS_setresuid, 0, 0, 0) == 0;
}

/// Whoever looks at the guard's descriptors may not have all of its capabilities. Not before the fork: who
/// gains capabilities by an exec loses the signal for the death of its parent.
void dropCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2] = {};
  ::syscall(SYS_capset, &header, none);
}

bool dieWith(pid_t parent) {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && ::getppid() == parent;
}

void resetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void execute(char* const* argv, int output, pid_t guard, int isReady) {
  char byte = 0;
  if (!dieWith(guard) || ::read(isReady, &byte, 1) != 1) ::_exit(125);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  resetSignals();
  char* const environment[] = {nullptr};
  ::execve(argv[0], argv, environment);
  constexpr char text[] = "it cannot be executed\n";
  static_cast<void>(::write(output, text, sizeof text - 1) < 0);
  ::_exit(127);
}

/// Whoever sees the guard finds the host's files behind /proc/PID/root: a container with the host's pid
/// namespace has the same identity. The program had to see it, and has.
void hideSelf(int) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/// From here on there are these two and the standard ones.
bool keepOnly(int netns, int output) {
  const int keptNetns = ::fcntl(netns, F_DUPFD, netnsFd + 2);
  const int keptOutput = ::fcntl(output, F_DUPFD, netnsFd + 2);
  return ::dup3(keptNetns, netnsFd, O_CLOEXEC) >= 0 && ::dup3(keptOutput, netnsFd + 1, O_CLOEXEC) >= 0 &&
         ::close_range(netnsFd + 2, ~0U, 0) == 0;
}

/// Holds nothing of the monitor's: its lock would be held as long as this lives.
[[noreturn]] void guard(char* const* argv, int userns, int netns, int output, pid_t monitor) {
  if (!becomeRoot(userns) || !dieWith(monitor)) ::_exit(125);
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (!keepOnly(netns, output)) ::_exit(125);
  resetSignals();
  ::signal(SIGUSR1, hideSelf);
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) < 0) ::_exit(125);
  const pid_t self = ::getpid(), program = ::fork();
  if (program == 0) execute(argv, netnsFd + 1, self, ready[0]);
  dropCapabilities();
  static_cast<void>(::write(ready[1], "", 1) < 0);
  while (program > 0 && ::waitpid(program, nullptr, 0) < 0 && errno == EINTR) continue;
  ::_exit(1);
}

}  // namespace

UserNetworkProgram::UserNetworkProgram(std::vector<std::string> argv, int userns, int netns)
    : output_(makeOutput()) {
  const pid_t monitor = ::getpid();
  const pid_t child = sys::check(::fork(), "fork", "network program");
  if (child == 0) {
    const std::string path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(netnsFd);
    std::vector<char*> pointers;
    for (std::string& argument : argv) {
      if (argument == "{}") argument = path;
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    guard(pointers.data(), userns, netns, output_.get(), monitor);
  }
  guard_ = child;
}

UserNetworkProgram::UserNetworkProgram(UserNetworkProgram&& other) noexcept
    : guard_(std::exchange(other.guard_, -1)), output_(std::move(other.output_)) {}

UserNetworkProgram& UserNetworkProgram::operator=(UserNetworkProgram&& other) noexcept {
  stop();
  guard_ = std::exchange(other.guard_, -1);
  output_ = std::move(other.output_);
  return *this;
}

bool UserNetworkProgram::hasEnded() noexcept {
  if (guard_ > 0 && ::waitpid(guard_, nullptr, WNOHANG) == guard_) guard_ = -1;
  return guard_ < 0;
}

std::string UserNetworkProgram::said() const {
  std::string text(largestOutput, '\0');
  const ssize_t size = ::pread(output_.get(), text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : text.find('\0'));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void UserNetworkProgram::hide() noexcept {
  if (guard_ > 0) ::kill(guard_, SIGUSR1);
}

void UserNetworkProgram::stop() noexcept {
  if (guard_ < 0) return;
  ::kill(guard_, SIGKILL);
  while (::waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) continue;
  guard_ = -1;
}

}  // namespace strake::monitor
