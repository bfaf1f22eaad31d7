// strake-monitor run RUNDIR · strake-monitor exec EXECDIR
//
// One container or one exec, from launch to end; native/protocol/task.md says what it reads and writes. It is
// born with /dev/null as descriptors 0 to 2 and the launcher's socket as 3, outlives the launcher, and can
// only be killed.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exception>
#include <string_view>

#include "monitor/run.h"

namespace strake::monitor {

namespace {

constexpr int launcherFd = 3;

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

int run(std::string_view verb, const char* directory) {
  ::setsid();
  ::umask(022);
  if (::chdir("/") < 0) return 1;
  outliveSignals();
  sys::UniqueFd launcher = takeLauncher();
  ::close_range(launcherFd + 1, ~0U, 0);
  Monitor monitor(directory, std::move(launcher));
  return verb == "run" ? runContainer(monitor) : runExec(monitor);
}

}  // namespace

}  // namespace strake::monitor

int main(int count, char** arguments) {
  const std::string_view verb = count == 3 ? arguments[1] : "";
  if (verb != "run" && verb != "exec") {
    dprintf(STDERR_FILENO, "usage: strake-monitor run RUNDIR | strake-monitor exec EXECDIR\n");
    return 2;
  }
  try {
    return strake::monitor::run(verb, arguments[2]);
  } catch (const std::exception& error) {
    dprintf(STDERR_FILENO, "strake-monitor: %s\n", error.what());
    return 1;
  }
}
