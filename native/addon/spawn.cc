#include "addon/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <memory>

#include "addon/reaper.h"
#include "sys/error.h"
#include "sys/read_only_program.h"

namespace strake::addon {

namespace {

constexpr int childSocket = 3;

struct Attributes {
  Attributes() {
    posix_spawnattr_init(&value);
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&value, &all);
    posix_spawnattr_setsigmask(&value, &none);
    posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value;
};

struct FileActions {
  explicit FileActions(int socket) {
    posix_spawn_file_actions_init(&value);
    posix_spawn_file_actions_addopen(&value, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&value, 0, 1);
    posix_spawn_file_actions_adddup2(&value, 0, 2);
    posix_spawn_file_actions_adddup2(&value, socket, childSocket);
  }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value;
};

std::vector<char*> pointersTo(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Spawned spawnDetached(const std::string& program, const std::vector<std::string>& arguments,
                      const std::vector<std::string>& environment) {
  int ends[2];
  sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  Spawned spawned{-1, sys::UniqueFd(ends[0])};
  const sys::UniqueFd childEnd(ends[1]);
  const FileActions actions(childEnd.get());
  const Attributes attributes;
  std::vector<std::string> argumentList{program};
  argumentList.insert(argumentList.end(), arguments.begin(), arguments.end());
  const std::string view = "/proc/self/fd/" + std::to_string(sys::readOnlyProgram(program));
  const int error = ::posix_spawn(&spawned.pid, view.c_str(), &actions.value, &attributes.value,
                                  pointersTo(argumentList).data(), pointersTo(environment).data());
  if (error != 0) throw sys::SysError(error, "posix_spawn", program);
  try {
    reapWhenEnded(spawned.pid);
  } catch (...) {  // what nobody reaps and nobody is told of may not run a container
    ::kill(spawned.pid, SIGKILL);
    ::waitpid(spawned.pid, nullptr, 0);
    throw;
  }
  return spawned;
}

}  // namespace strake::addon
