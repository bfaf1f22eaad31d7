#include "runtime/joiner.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "runtime/init_child.h"
#include "runtime/launcher.h"
#include "runtime/steps.h"
#include "sys/error.h"

namespace strake::runtime {

Child cloneThroughJoiner(const std::function<void()>& join, uint64_t namespaces, int cgroupFd,
                         std::pair<const SyncSocket&, const SyncSocket&> sockets) {
  const auto& [ours, theirs] = sockets;
  Child joiner = cloneChild(0, -1);
  if (joiner.pid == 0) {
    Steps steps(false);
    steps.begin(Step::userNamespace);
    try {
      join();
      Child child = cloneChild(namespaces | CLONE_PARENT, cgroupFd);
      if (child.pid == 0) return child;
      theirs.send(Message::born, {std::to_string(child.pid)});
      _exit(0);
    } catch (...) {
      reportFailureAndExit(theirs, steps);
    }
  }
  std::optional<Received> born = ours.receive();
  waitpid(joiner.pid, nullptr, 0);
  if (born && born->message == Message::failed) throw toLaunchError(*born);
  if (!born || born->message != Message::born) throw sys::SysError(EPIPE, "join user namespace");
  pid_t pid = std::atoi(born->fields.at(0).c_str());
  return {pid, sys::UniqueFd(static_cast<int>(sys::check(syscall(SYS_pidfd_open, pid, 0), "pidfd_open")))};
}

}  // namespace strake::runtime
