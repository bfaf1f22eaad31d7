#include "runtime/program.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::runtime {
namespace {

constexpr const char* defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// 0, or the errno that executing `path` would give.
int executableErrno(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) < 0) return errno;
  return S_ISREG(info.st_mode) && (info.st_mode & 0111) ? 0 : EACCES;
}

/// In the words by which docker and podman know that their own exit status must be 127 or 126.
[[noreturn]] void fail(int error, const std::string& name) {
  if (error == ENOENT || error == ENOTDIR)
    throw sys::Error("ERR_EXEC_NOT_FOUND",
                     "exec \"" + name + "\": no such file or directory in the container");
  const std::string why = error == EACCES ? "permission denied" : std::strerror(error);
  throw sys::Error("ERR_EXEC_PERMISSION", "exec \"" + name + "\": " + why);
}

std::string searchPath(const std::string& name, const char* path) {
  int error = ENOENT;
  for (const char* start = path;; ++start) {
    const char* end = strchrnul(start, ':');
    std::string candidate = std::string(start == end ? "." : std::string(start, end)) + "/" + name;
    int result = executableErrno(candidate);
    if (result == 0) return candidate;
    if (result == EACCES) error = EACCES;
    if (*end == '\0') break;
    start = end;
  }
  if (error == ENOENT)
    throw sys::Error("ERR_EXEC_NOT_FOUND",
                     "exec \"" + name + "\": executable file not found in $PATH of the container");
  fail(error, name);
}

const char* machineName(unsigned machine) {
  switch (machine) {
    case EM_X86_64:
      return "amd64";
    case EM_386:
      return "386";
    case EM_AARCH64:
      return "arm64";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv64";
    case EM_PPC64:
      return "ppc64le";
    case EM_S390:
      return "s390x";
    case EM_MIPS:
      return "mips";
    case 258:
      return "loong64";
    default:
      return "another machine";
  }
}

/// Why the kernel does not know the format, from the file's first bytes.
std::string formatHint(const std::string& program) {
  sys::UniqueFd file(open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  unsigned char head[20] = {};
  if (!file || read(file.get(), head, sizeof head) < 2) return "the file is empty or cannot be read";
  if (std::memcmp(head, ELFMAG, SELFMAG) == 0) {
    unsigned machine = head[EI_DATA] == ELFDATA2MSB ? head[18] << 8 | head[19] : head[19] << 8 | head[18];
    return std::string("it is built for ") + machineName(machine) +
           "; use an image of this machine's platform (--platform), or install qemu-user-static";
  }
  return head[0] == '#' && head[1] == '!' ? "its #! line is not valid" : "a script needs a #! line";
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (const std::string& string : strings) list.push_back(const_cast<char*>(string.c_str()));
  list.push_back(nullptr);
  return list;
}

}  // namespace

const char* environmentValue(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& entry : environment)
    if (entry.starts_with(name) && entry[name.size()] == '=') return entry.c_str() + name.size() + 1;
  return nullptr;
}

std::string findProgram(const std::string& name, const std::vector<std::string>& environment) {
  if (name.empty()) fail(ENOENT, name);
  if (name.find('/') == std::string::npos) {
    const char* path = environmentValue(environment, "PATH");
    return searchPath(name, path && *path ? path : defaultPath);
  }
  if (int error = executableErrno(name)) fail(error, name);
  return name;
}

void execute(const std::string& program, const std::vector<std::string>& arguments,
             const std::vector<std::string>& environment) {
  std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  execve(program.c_str(), argv.data(), envp.data());
  int error = errno;
  if (error == ENOEXEC)
    throw sys::Error("ERR_EXEC_FORMAT",
                     "exec \"" + program + "\": exec format error: " + formatHint(program));
  if (error == ENOENT && executableErrno(program) == 0)
    throw sys::Error("ERR_EXEC_NOT_FOUND",
                     "exec \"" + program + "\": its interpreter is not in the container");
  if (error == E2BIG || error == ENOMEM || error == ENOSYS || error == EAGAIN)
    throw sys::SysError(error, "execve", program);
  fail(error, program);
}

}  // namespace strake::runtime
