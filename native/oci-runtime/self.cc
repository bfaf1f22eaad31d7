#include "oci-runtime/self.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "sys/error.h"
#include "sys/read_only_program.h"

namespace strake::oci_runtime {
namespace {

constexpr const char* self = "/proc/self/exe";
constexpr const char* mark = "STRAKE_RUNTIME_READ_ONLY";  // executed again: once is enough

bool cannotBeWritten() {
  struct statvfs info;
  if (::statvfs(self, &info) == 0 && (info.f_flag & ST_RDONLY)) return true;
  const sys::UniqueFd file(::open(self, O_RDONLY | O_CLOEXEC));
  const int seals = file ? ::fcntl(file.get(), F_GET_SEALS) : -1;
  return seals >= 0 && (seals & F_SEAL_WRITE);
}

}  // namespace

void runFromReadOnly(char* const* arguments) {
  const bool again = ::getenv(mark) != nullptr;
  ::unsetenv(mark);
  if (cannotBeWritten()) return;
  if (again)
    throw sys::Error("ERR_LAUNCH_FAILED", "this program could not be made read-only for the container");
  const std::string view = "/proc/self/fd/" + std::to_string(sys::readOnlyProgram(self));
  ::setenv(mark, "1", 1);
  ::execv(view.c_str(), arguments);
  sys::throwErrno("execute", view);
}

}  // namespace strake::oci_runtime
