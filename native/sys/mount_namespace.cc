#include "sys/mount_namespace.h"

#include <sched.h>
#include <sys/prctl.h>

#include "sys/error.h"
#include "sys/user_namespace.h"

namespace strake::sys {

namespace {

/// The child shares the caller's memory, and whoever may inspect the one may read the other.
class Undumpable {
 public:
  Undumpable() : before_(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) { ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
  ~Undumpable() {
    if (before_ == 1) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  }
  Undumpable(const Undumpable&) = delete;
  Undumpable& operator=(const Undumpable&) = delete;

 private:
  int before_;
};

}  // namespace

void inMountNamespaceOf(int pidfd, int userns, const std::function<void()>& body) {
  const Undumpable undumpable;
  inSharedChild(userns, [&] {
    check(::setns(pidfd, CLONE_NEWNS), "setns", "mount namespace");
    body();
  });
}

}  // namespace strake::sys
