#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "runtime/steps.h"
#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::runtime {
namespace {

[[noreturn]] void fail(const std::string& hook, const std::string& why) {
  throw sys::Error("ERR_LAUNCH_FAILED", hook + ": " + why);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (const std::string& string : strings) list.push_back(const_cast<char*>(string.c_str()));
  list.push_back(nullptr);
  return list;
}

/// An anonymous file that holds `text`, read from its beginning.
sys::UniqueFd fileOf(const std::string& text) {
  sys::UniqueFd file(
      sys::check(static_cast<int>(syscall(SYS_memfd_create, "state", 1U /* MFD_CLOEXEC */)), "memfd_create"));
  sys::check(pwrite(file.get(), text.data(), text.size(), 0), "write", "state");
  return file;
}

struct Spawned {
  pid_t pid;
  sys::UniqueFd pidfd;
};

/// With no signal blocked or ignored: the caller may be one that reads them by signalfd(2).
class PlainSignals {
 public:
  PlainSignals() {
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~PlainSignals() { posix_spawnattr_destroy(&attributes_); }
  PlainSignals(const PlainSignals&) = delete;
  PlainSignals& operator=(const PlainSignals&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

Spawned spawn(const Hook& hook, const std::string& name, int input, int errors) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, errors, 2);
  std::vector<std::string> args = hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args;
  pid_t pid;
  int error = posix_spawn(&pid, hook.path.c_str(), &actions, PlainSignals().get(), pointers(args).data(),
                          pointers(hook.env).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw sys::SysError(error, name, hook.path);
  return {pid, sys::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)))};
}

/// False when the process still runs `timeout` seconds later; without one it waits as long as it takes.
bool endsWithin(const Spawned& spawned, std::optional<int> timeout) {
  pollfd ended{spawned.pidfd.get(), POLLIN, 0};
  const int64_t deadline = monotonicNow() + int64_t{timeout.value_or(0)} * 1000000000;
  for (;;) {
    const int64_t left = timeout ? (deadline - monotonicNow()) / 1000000 : -1;
    if (timeout && left < 0) return false;
    // poll(2) counts in an int: 24 days.
    if (poll(&ended, 1, static_cast<int>(std::min<int64_t>(left, INT_MAX))) > 0) return true;
  }
}

/// Waits for the end, killing the hook at its timeout. Returns the wait status.
int await(const Spawned& spawned, const Hook& hook, const std::string& name) {
  const bool ended = endsWithin(spawned, hook.timeoutSeconds);
  int status = 0;
  if (!ended) kill(spawned.pid, SIGKILL);
  while (waitpid(spawned.pid, &status, 0) < 0 && errno == EINTR) continue;
  if (!ended) fail(name, "killed after its timeout of " + std::to_string(*hook.timeoutSeconds) + " s");
  return status;
}

std::string tail(int file) {
  char text[1024];
  off_t size = lseek(file, 0, SEEK_END);
  ssize_t n = pread(file, text, sizeof text, std::max<off_t>(0, size - static_cast<off_t>(sizeof text)));
  return n > 0 ? ": " + std::string(text, static_cast<size_t>(n)) : "";
}

void runHook(const Hook& hook, const std::string& name, const std::string& state) {
  sys::UniqueFd input = fileOf(state), errors = fileOf("");
  int status = await(spawn(hook, name, input.get(), errors.get()), hook, name);
  if (WIFSIGNALED(status))
    fail(name, "killed by signal " + std::to_string(WTERMSIG(status)) + tail(errors.get()));
  if (WEXITSTATUS(status) != 0)
    fail(name, "exit status " + std::to_string(WEXITSTATUS(status)) + tail(errors.get()));
}

std::string nameOf(const std::vector<Hook>& hooks, size_t index, const char* kind) {
  return std::string(kind) + " hook " + std::to_string(index) + " (" + hooks[index].path + ")";
}

}  // namespace

std::string stateJson(const HookState& state) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  auto member = [&](const char* name, const std::string& value) {
    json.Key(name);
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  json.StartObject();
  member("ociVersion", state.spec.ociVersion);
  member("id", state.id);
  member("status", state.status);
  json.Key("pid");
  json.Int(state.pid);
  member("bundle", state.bundle);
  json.Key("annotations");
  json.StartObject();
  for (const auto& [name, value] : state.spec.annotations) member(name.c_str(), value);
  json.EndObject();
  json.EndObject();
  return buffer.GetString();
}

void runHooks(const std::vector<Hook>& hooks, const char* kind, const HookState& state) {
  if (hooks.empty()) return;
  const std::string json = stateJson(state);
  for (size_t n = 0; n < hooks.size(); ++n) runHook(hooks[n], nameOf(hooks, n, kind), json);
}

std::vector<std::string> runEveryHook(const std::vector<Hook>& hooks, const char* kind,
                                      const HookState& state, std::optional<int> longest) {
  std::vector<std::string> failures;
  if (hooks.empty()) return failures;
  const std::string json = stateJson(state);
  for (size_t n = 0; n < hooks.size(); ++n) {
    Hook hook = hooks[n];
    if (!hook.timeoutSeconds) hook.timeoutSeconds = longest;
    try {
      runHook(hook, nameOf(hooks, n, kind), json);
    } catch (const std::exception& failure) {
      failures.push_back(failure.what());
    }
  }
  return failures;
}

}  // namespace strake::runtime
