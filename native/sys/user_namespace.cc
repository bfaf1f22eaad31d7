#include "sys/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <string>

#include "sys/error.h"

namespace strake::sys {

namespace {

constexpr size_t stackSize = 1 << 20;  // bytes; untouched pages cost nothing

class Stack {
 public:
  Stack()
      : memory_(::mmap(nullptr, stackSize, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0)) {
    if (memory_ == MAP_FAILED) throwErrno("mmap", "stack");
    static_cast<void>(::mprotect(memory_, 4096, PROT_NONE));  // past it is a fault, and no other memory
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() { ::munmap(memory_, stackSize); }
  void* top() const { return static_cast<char*>(memory_) + stackSize; }

 private:
  void* memory_;
};

/// The child is a process of its own: what a terminal sends to the group, and what the program sends to
/// itself, must not run the program's handlers twice.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

int waitForEnd(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0)
    if (errno != EINTR) throwErrno("waitpid");
  return status;
}

struct Call {
  int userns;
  pid_t creator;
  const std::function<void()>& body;
  std::exception_ptr failure;
};

// Raw system calls: glibc's would change every thread of the process that it believes to be in.
void becomeRoot(int userns) {
  check(::setns(userns, CLONE_NEWUSER), "setns", "user namespace");
  check(::syscall(SYS_setresgid, 0, 0, 0), "setresgid", "0 of the user namespace");
  check(::syscall(SYS_setresuid, 0, 0, 0), "setresuid", "0 of the user namespace");
}

void prepare(const Call& call) {
  if (call.userns >= 0) becomeRoot(call.userns);
  // After the change of identity, which takes it away.
  check(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "prctl", "PR_SET_PDEATHSIG");
  if (::getppid() != call.creator) ::syscall(SYS_exit_group, 1);
}

int runCall(void* argument) {
  Call& call = *static_cast<Call*>(argument);
  try {
    prepare(call);
    call.body();
  } catch (...) {
    call.failure = std::current_exception();
  }
  return 0;
}

int waitToBeKilled(void* creator) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != *static_cast<pid_t*>(creator)) return 1;
  for (;;) ::pause();
}

/// clone(2) says ENOSPC of a limit, which is no full disk.
[[noreturn]] void throwNotMade(int error) {
  const bool atLimit = error == ENOSPC || error == EUSERS;
  throw Error("ERR_NAMESPACE_FAILED",
              std::string("a user namespace cannot be made: ") + std::strerror(error) +
                  (atLimit ? "; raise the limit: sysctl -w user.max_user_namespaces=15000"
                           : "; `strake system info` says what forbids it, under userNamespaces"));
}

}  // namespace

UniqueFd makeUserNamespace(const std::vector<IdMap>& uids, const std::vector<IdMap>& gids) {
  const Stack stack;
  const SignalsBlocked blocked;
  // It only sleeps, and so may share the memory: a copy of a large program's page tables takes milliseconds.
  pid_t creator = ::getpid();
  const pid_t holder = ::clone(waitToBeKilled, stack.top(), CLONE_VM | CLONE_NEWUSER, &creator);
  if (holder < 0) throwNotMade(errno);
  struct Reap {
    pid_t pid;
    ~Reap() {
      ::kill(pid, SIGKILL);
      while (::waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) continue;
    }
  } reap{holder};
  writeIdMaps(holder, uids, gids);
  const std::string path = "/proc/" + std::to_string(holder) + "/ns/user";
  return UniqueFd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
}

void asRootOf(int userns, const std::function<void()>& body) {
  return userns < 0 ? body() : inSharedChild(userns, body);
}

void inSharedChild(int userns, const std::function<void()>& body) {
  const Stack stack;
  const SignalsBlocked blocked;
  Call call{userns, ::getpid(), body, nullptr};
  const int dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  // No exit signal: nobody who waits for children in general (libuv, a host program) learns of this one.
  const pid_t child =
      check(::clone(runCall, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_FILES, &call), "clone", "child");
  const int status = waitForEnd(child);
  // A change to another outside id makes the memory, which is ours as well, undumpable (credentials(7)).
  if (dumpable == 1) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (status != 0) throw SysError(ECANCELED, "work in a user namespace", "killed");
  if (call.failure) std::rethrow_exception(call.failure);
}

}  // namespace strake::sys
