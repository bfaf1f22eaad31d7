// strake-init [--] COMMAND [ARGUMENT…]
//
// Process 1 of a container that asks for one (docker's --init): runs the command, passes on every signal to
// it, reaps whatever is orphaned, and ends as the command does: its exit code, or 128+n. 127 and 126 when it
// cannot be executed. The command leads a process group of its own, which has the terminal, so that ^C
// reaches it once.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

namespace {

/// Those that a fault of our own raises are not for anybody else.
sigset_t forwardedSignals() {
  sigset_t signals;
  sigfillset(&signals);
  for (const int own : {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU}) {
    sigdelset(&signals, own);
  }
  return signals;
}

[[noreturn]] void execute(char** command, const sigset_t& inherited) {
  setpgid(0, 0);
  // Not the terminal's foreground group yet: SIGTTOU would stop us.
  signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(STDIN_FILENO, getpgrp());
  signal(SIGTTOU, SIG_DFL);
  sigprocmask(SIG_SETMASK, &inherited, nullptr);
  execvp(command[0], command);
  const int error = errno;
  dprintf(STDERR_FILENO, "strake-init: %s: %s\n", command[0], strerror(error));
  _exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

int exitCodeOf(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Reaps all that have ended; ends with the command.
void reap(pid_t command) {
  int status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == command) _exit(exitCodeOf(status));
  }
}

}  // namespace

int main(int count, char** arguments) {
  char** command = arguments + 1;
  if (count > 1 && strcmp(command[0], "--") == 0) ++command;
  if (command >= arguments + count) {
    dprintf(STDERR_FILENO, "usage: strake-init [--] COMMAND [ARGUMENT…]\n");
    return 125;
  }
  const sigset_t signals = forwardedSignals();
  sigset_t inherited;
  sigprocmask(SIG_SETMASK, &signals, &inherited);
  const pid_t child = fork();
  if (child < 0) return 125;
  if (child == 0) execute(command, inherited);
  for (;;) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal > 0 && signal != SIGCHLD) kill(child, signal);
    reap(child);
  }
}
