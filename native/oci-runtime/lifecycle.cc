#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "oci-runtime/commands.h"
#include "oci-runtime/log.h"
#include "runtime/hooks.h"
#include "sys/error.h"
#include "sys/process.h"

namespace strake::oci_runtime {
namespace {

constexpr int killTimeout = 10000;     // ms
constexpr int forcedHookTimeout = 10;  // s, of a hook that has none

/// Second names, which sigabbrev_np(3) does not know.
constexpr std::pair<const char*, int> aliases[] = {{"IO", SIGIO}, {"IOT", SIGIOT}, {"CLD", SIGCHLD}};

/// "9", "KILL", "SIGKILL" or "sigkill", "RTMIN+3".
int parseSignal(const std::string& text) {
  char* end = nullptr;
  const long number = std::strtol(text.c_str(), &end, 10);
  if (!text.empty() && *end == '\0' && number >= 0 && number <= SIGRTMAX) return static_cast<int>(number);
  std::string name = text;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& [alias, known] : aliases)
    if (name == alias) return known;
  for (int candidate = 1; candidate < 32; ++candidate)
    if (const char* known = ::sigabbrev_np(candidate); known && name == known) return candidate;
  if (name.starts_with("RTMIN")) {
    const long offset = std::strtol(name.c_str() + 5, &end, 10);
    if (*end == '\0' && offset >= 0 && SIGRTMIN + offset <= SIGRTMAX)
      return SIGRTMIN + static_cast<int>(offset);
  }
  throw sys::Error("ERR_INVALID_ARGUMENT", "unknown signal \"" + text + "\"");
}

[[noreturn]] void notRunning() {
  throw sys::Error("ERR_CONTAINER_STATE", "container not running");
}

/// Nothing when it has ended, or never was.
sys::UniqueFd openInit(const Container& container) {
  if (container.record().pid == 0) return {};
  return sys::openProcess(container.record().pid, container.record().pidStart);
}

void killInit(const Container& container) {
  const sys::UniqueFd init = openInit(container);
  if (!init) return;
  ::syscall(SYS_pidfd_send_signal, init.get(), SIGKILL, nullptr, 0);
  pollfd ended{init.get(), POLLIN, 0};
  if (::poll(&ended, 1, killTimeout) == 0)
    throw sys::Error("ERR_CONTAINER_STATE", "container init still running after SIGKILL");
}

/// Who deletes by force wants it gone: no hook may keep it for ever.
void runPoststop(const Container& container, bool force) {
  const Record& record = container.record();
  for (const std::string& failure :
       runtime::runEveryHook(container.spec().hooks.poststop, "poststop",
                             {container.spec(), record.id, "stopped", 0, record.bundle},
                             force ? std::optional(forcedHookTimeout) : std::nullopt))
    warn(failure);
}

/// On cgroup v1 a paused process does not even die.
void thaw(const Container& container) {
  if (const auto group = container.group(); group && group->frozen()) group->thaw();
}

/// Frozen meanwhile, so that none of them forks away from its signal.
void signalAll(const Container& container, int signal) {
  const auto group = container.group();
  if (group && signal == SIGKILL) return group->kill();
  const bool freeze = group && !group->frozen();
  if (freeze) group->freeze();
  int failure = 0;
  for (const int pid : container.processes())
    if (::kill(pid, signal) < 0 && errno != ESRCH) failure = errno;
  if (freeze) group->thaw();
  if (failure) throw sys::SysError(failure, "kill", "processes of " + container.record().id);
}

/// Without a pid namespace of its own nothing else ends what the init has started.
bool hasOwnPids(const Container& container) {
  const runtime::Namespace* pids = container.spec().find(runtime::NamespaceKind::pid);
  return pids && pids->path.empty();
}

}  // namespace

void destroy(Container& container, bool force) {
  const bool begun = container.record().begun;
  const bool hooks = begun && ::access((container.directory() + "/config.json").c_str(), F_OK) == 0;
  if (hooks) container.spec();  // read while it is there: poststop comes after the removal
  if (begun) {
    const auto group = container.group();
    if (container.alive()) thaw(container);
    killInit(container);
    if (group) group->kill();  // also the init of a create that was killed before it could note the pid
  }
  container.remove();
  if (hooks) runPoststop(container, force);
}

int kill(const Global& global, Words words) {
  const Options options(words, {{{"all", "a"}}}, {1, 2, 0});
  const Container container = Container::open(global.root, options.operand(0));
  const auto& operands = options.operands();
  const int signal = parseSignal(operands.size() > 1 ? operands[1] : "SIGTERM");
  if (options.enabled("all")) return signalAll(container, signal), 0;
  const sys::UniqueFd init = openInit(container);
  if (!init) notRunning();
  if (signal == SIGKILL && !hasOwnPids(container)) return signalAll(container, signal), 0;
  if (::syscall(SYS_pidfd_send_signal, init.get(), signal, nullptr, 0) < 0) {
    if (errno == ESRCH) notRunning();
    sys::throwErrno("kill", std::to_string(container.record().pid));
  }
  if (signal == SIGKILL) thaw(container);
  return 0;
}

int remove(const Global& global, Words words) {
  const Options options(words, {{{"force", "f"}}}, containerId);
  const std::string& id = options.operand(0);
  const bool force = options.enabled("force");
  try {
    Container container = Container::open(global.root, id);
    container.lock();
    const std::string status = container.status();
    if (!force && status != "stopped" && status != "created")
      throw sys::Error("ERR_CONTAINER_STATE",
                       "cannot delete container " + id + " that is not stopped: " + status);
    destroy(container, force);
  } catch (const sys::Error& error) {
    if (!force || error.code() != "ERR_CONTAINER_NOT_FOUND") throw;
  }
  return 0;
}

int pause(const Global& global, Words words) {
  Container container = Container::open(global.root, Options(words, {}, containerId).operand(0));
  container.lock();
  const std::string status = container.status();
  if (status != "running" && status != "created")
    throw sys::Error("ERR_CONTAINER_STATE", "container not running or created: " + status);
  container.groupFor("pause")->freeze();
  return 0;
}

int resume(const Global& global, Words words) {
  Container container = Container::open(global.root, Options(words, {}, containerId).operand(0));
  container.lock();
  if (container.status() != "paused") throw sys::Error("ERR_CONTAINER_STATE", "container not paused");
  container.groupFor("resume")->thaw();
  return 0;
}

}  // namespace strake::oci_runtime
