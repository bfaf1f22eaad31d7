#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "seccomp/seccomp.h"

namespace strake::seccomp {

int install(const Filter& filter) noexcept {
  // The kernel only reads the program.
  sock_fprog program{static_cast<unsigned short>(filter.program.size()),
                     const_cast<sock_filter*>(filter.program.data())};
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter.flags, &program);
  return result < 0 ? -errno : static_cast<int>(result);
}

}  // namespace strake::seccomp
