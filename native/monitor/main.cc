// strake-monitor run RUNDIR · strake-monitor exec EXECDIR · strake-monitor wait ROOM
//
// One container or one exec, from launch to end; native/protocol/task.md says what it reads and writes. It is
// born with /dev/null as descriptors 0 to 2 and the launcher's socket as 3, outlives the launcher, and can
// only be killed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cgroup/cgroup.h"
#include "monitor/memory.h"
#include "monitor/run.h"
#include "runtime/namespaces.h"

namespace strake::monitor {

namespace {

constexpr int launcherFd = 3;
constexpr size_t largestCommand = 64 * 1024;  // bytes

void doNothing(int) {}

/// Handled, not ignored: an ignored signal would stay ignored in the container's process, a handler ends at
/// its execve.
void outliveSignals() {
  struct sigaction action {};
  action.sa_handler = doNothing;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP,
                           SIGTTIN, SIGTTOU, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGXCPU, SIGXFSZ}) {
    ::sigaction(signal, &action, nullptr);
  }
}

sys::UniqueFd takeLauncher() {
  struct stat status {};
  if (::fstat(launcherFd, &status) < 0 || !S_ISSOCK(status.st_mode)) return {};
  ::fcntl(launcherFd, F_SETFD, FD_CLOEXEC);
  return sys::UniqueFd(launcherFd);
}

bool becomeMonitor() {
  ::setsid();
  ::umask(022);
  if (::chdir("/") < 0) return false;
  outliveSignals();
  return true;
}

int run(std::string_view verb, const char* directory, sys::UniqueFd launcher) {
  if (verb != "run") runtime::dropNetworkAhead();
  auto monitor = std::make_unique<Monitor>(directory, std::move(launcher));
  return verb == "run" ? runContainer(std::move(monitor)) : runExec(*monitor);
}

/// Nothing: the launcher is gone, or says what is no command.
std::optional<std::string> receiveCommand(int launcher) {
  uint32_t size = 0;
  if (::recv(launcher, &size, sizeof size, MSG_WAITALL) != sizeof size) return std::nullopt;
  std::string words(std::min(size_t{::ntohl(size)}, largestCommand), '\0');
  const ssize_t received = ::recv(launcher, words.data(), words.size(), MSG_WAITALL);
  if (received != static_cast<ssize_t>(words.size())) return std::nullopt;
  return words;
}

/// As ps shows it: over the arguments that the process was started with, as much as they have room for.
void rename(std::span<char> arguments, const std::string& command) {
  const size_t size = std::min(arguments.size() - 1, command.size());
  std::memcpy(arguments.data(), command.data(), size);
  std::memset(arguments.data() + size, 0, arguments.size() - size);
}

/// What was to be on the command line and in the environment comes through the socket instead.
int waitForCommand(std::span<char> arguments, sys::UniqueFd launcher) {
  prepareMemory();
  static_cast<void>(cgroup::layout());  // is looked up once
  runtime::makeNetworkAhead();
  std::optional<std::string> command = launcher ? receiveCommand(launcher.get()) : std::nullopt;
  if (!command) return 0;
  std::vector<char*> words;
  for (size_t at = 0; at < command->size(); at += std::strlen(words.back()) + 1)
    words.push_back(command->data() + at);
  if (words.size() < 2) return 2;
  rename(arguments, words[0] + std::string(1, '\0') + words[1]);
  for (size_t n = 2; n < words.size(); ++n) ::putenv(words[n]);
  return run(words[0], words[1], std::move(launcher));
}

}  // namespace

int main(char** arguments) {
  if (!becomeMonitor()) return 1;
  sys::UniqueFd launcher = takeLauncher();
  ::close_range(launcherFd + 1, ~0U, 0);
  char *verb = arguments[1], *operand = arguments[2];
  if (std::string_view(verb) != "wait") return run(verb, operand, std::move(launcher));
  return waitForCommand({verb, operand + std::strlen(operand) + 1}, std::move(launcher));
}

}  // namespace strake::monitor

int main(int count, char** arguments) {
  const std::string_view verb = count == 3 ? arguments[1] : "";
  if (verb != "run" && verb != "exec" && verb != "wait") {
    dprintf(STDERR_FILENO,
            "usage: strake-monitor run RUNDIR | strake-monitor exec EXECDIR | strake-monitor wait ROOM\n");
    return 2;
  }
  try {
    return strake::monitor::main(arguments);
  } catch (const std::exception& error) {
    dprintf(STDERR_FILENO, "strake-monitor: %s\n", error.what());
    return 1;
  }
}
