#include "addon/probe_child.h"

#include <sched.h>
#include <sys/wait.h>

#include <cerrno>
#include <memory>

namespace strake::addon {

int inChild(int flags, int (*body)(void*), void* argument) {
  constexpr size_t kStack = 64 * 1024;
  const auto stack = std::make_unique<std::byte[]>(kStack);
  // No exit signal: nobody who waits for children in general (libuv, a host program) learns of this one.
  const pid_t pid = ::clone(body, stack.get() + kStack, flags | CLONE_VM | CLONE_VFORK, argument);
  if (pid < 0) return errno;
  int status = 0;
  while (::waitpid(pid, &status, __WCLONE) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
}

}  // namespace strake::addon
