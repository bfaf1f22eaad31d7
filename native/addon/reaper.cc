#include "addon/reaper.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::addon {

namespace {

void reapForEver(int epoll) {
  for (;;) {
    epoll_event event{};
    if (::epoll_wait(epoll, &event, 1, -1) < 1) continue;
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(event.data.fd), &info, WEXITED);
    // Explicitly: close() alone leaves it in the epoll while a child of a concurrent spawn still holds a
    // copy, and the next event would close whatever has got the number by then.
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, event.data.fd, nullptr);
    ::close(event.data.fd);
  }
}

int startReaper() {
  const int epoll = sys::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  std::thread(reapForEver, epoll).detach();
  return epoll;
}

}  // namespace

void reapWhenEnded(pid_t pid) {
  static const int epoll = startReaper();
  // Not reaped yet, so the pid is still its own.
  sys::UniqueFd pidfd(sys::check(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open"));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = pidfd.get();
  sys::check(::epoll_ctl(epoll, EPOLL_CTL_ADD, pidfd.get(), &event), "epoll_ctl");
  static_cast<void>(pidfd.release());
}

}  // namespace strake::addon
