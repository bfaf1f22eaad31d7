#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "oci-runtime/commands.h"
#include "oci-runtime/log.h"
#include "runtime/capabilities.h"
#include "sys/error.h"
#include "sys/process.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

const std::vector<Flag> execFlags = {{{"process", "p"}, true}, {{"console-socket"}, true},
                                     {{"pid-file"}, true},     {{"detach", "d"}},
                                     {{"tty", "t"}},           {{"user", "u"}, true},
                                     {{"cwd"}, true},          {{"env", "e"}, true},
                                     {{"cap", "c"}, true},     {{"no-new-privs"}},
                                     {{"preserve-fds"}, true}, {{"additional-gids", "g"}, true},
                                     {{"apparmor"}, true},     {{"process-label"}, true},
                                     {{"ignore-paused"}},      {{"no-subreaper"}},
                                     {{"cgroup"}, true}};

uint32_t parseId(const char* flag, const std::string& text) {
  char* end = nullptr;
  const unsigned long id = std::strtoul(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || id > 0xfffffffe)
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     std::string(flag) + ": \"" + text + "\" is not a number of an id");
  return static_cast<uint32_t>(id);
}

/// Without a group the container's own stays, as in runc.
void setUser(runtime::Process& process, const std::string& text) {
  const size_t colon = text.find(':');
  process.user.uid = parseId("--user", text.substr(0, colon));
  if (colon != std::string::npos) process.user.gid = parseId("--user", text.substr(colon + 1));
}

/// To all sets but inheritable, which a capability is never put in; ambient would need it there.
void addCapability(runtime::Capabilities& sets, const std::string& name) {
  const std::optional<int> number = runtime::capabilityNumber(name);
  if (!number)
    throw sys::Error("ERR_INVALID_ARGUMENT", "--cap: unknown capability " + name + " (expected CAP_CHOWN …)");
  const uint64_t bit = uint64_t{1} << *number;
  sets.bounding |= bit, sets.effective |= bit, sets.permitted |= bit;
  if (sets.inheritable & bit) sets.ambient |= bit;
}

/// The container's own process, changed by the flags.
runtime::Process processOf(const runtime::Spec& spec, const Options& options) {
  if (options.has("process")) return runtime::parseProcess(sys::readDocument(options.value("process")));
  runtime::Process process = spec.process;
  process.args.assign(options.operands().begin() + 1, options.operands().end());
  process.terminal = options.enabled("tty");
  if (options.has("user")) setUser(process, options.value("user"));
  if (options.has("cwd")) process.cwd = options.value("cwd");
  for (const std::string& variable : options.values("env")) process.env.push_back(variable);
  for (const std::string& gid : options.values("additional-gids"))
    process.user.additionalGids.push_back(parseId("--additional-gids", gid));
  for (const std::string& name : options.values("cap")) addCapability(process.capabilities, name);
  if (options.enabled("no-new-privs")) process.noNewPrivileges = true;
  if (options.has("apparmor")) process.apparmorProfile = options.value("apparmor");
  if (options.has("process-label")) process.selinuxLabel = options.value("process-label");
  if (process.args.empty()) throw sys::Error("ERR_INVALID_ARGUMENT", "process args cannot be empty");
  return process;
}

void checkRunning(const Container& container, bool pausedToo) {
  const std::string status = container.status();
  if (status == "stopped") throw sys::Error("ERR_CONTAINER_STATE", "cannot exec in a stopped container");
  if (status == "paused" && !pausedToo)
    throw sys::Error("ERR_CONTAINER_STATE", "cannot exec in a paused container");
}

void checkTerminal(const runtime::Process& process, const Options& options, bool detached) {
  const bool socket = options.has("console-socket");
  if (process.terminal && detached && !socket)
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     "cannot allocate a terminal for a detached process without --console-socket");
  if ((!process.terminal || !detached) && socket)
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     "--console-socket is for a detached process with a terminal: give --detach and --tty");
}

/// --cgroup: a group below the container's that exists wherever the container's own does.
std::unique_ptr<cgroup::Cgroup> groupOf(const Container& container, const Options& options) {
  const std::string below = options.value("cgroup");
  if (below.find(':') != std::string::npos)
    throw sys::Error("ERR_NOT_IMPLEMENTED",
                     "--cgroup with a controller is not supported: give the path alone");
  if (below.find_first_not_of('/') == std::string::npos) return container.group();
  const auto own = container.groupFor("--cgroup");
  auto group =
      cgroup::Cgroup::open(container.record().cgroup + "/" + below.substr(below.find_first_not_of('/')));
  const auto directories = group->directories();
  const bool exists = std::ranges::all_of(
      directories, [](const auto& directory) { return ::access(directory.path.c_str(), F_OK) == 0; });
  if (!exists || directories.size() != own->directories().size())
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     "--cgroup: " + below + " does not exist below the container's cgroup: make it first");
  return group;
}

/// On a throw the process, of which nobody knows, is gone.
void handOver(const runtime::Launched& launched, const Options& options) {
  try {
    if (launched.console && options.has("console-socket"))
      sendConsole(launched.console.get(), options.value("console-socket"));
    writePidFile(options.value("pid-file"), launched.pid);
  } catch (...) {
    ::syscall(SYS_pidfd_send_signal, launched.pidfd.get(), SIGKILL, nullptr, 0);
    throw;
  }
}

}  // namespace

int exec(const Global& global, Words words) {
  const Options options(words, execFlags, {1, anyNumber, 1});
  Container container = Container::open(global.root, options.operand(0));
  checkRunning(container, options.enabled("ignore-paused"));
  const Record& record = container.record();
  const sys::UniqueFd init = sys::openProcess(record.pid, record.pidStart);
  if (!init) throw sys::Error("ERR_CONTAINER_STATE", "cannot exec in a stopped container");
  const runtime::Process process = processOf(container.spec(), options);
  const bool detached = options.enabled("detach");
  checkTerminal(process, options, detached);
  const auto group = groupOf(container, options);
  const std::vector<int> preserved = preservedDescriptors(options);
  closeInherited(preserved);
  const runtime::Launched launched = runtime::exec({.spec = container.spec(),
                                                    .process = process,
                                                    .id = record.id,
                                                    .bundle = record.bundle,
                                                    .init = record.pid,
                                                    .initPidfd = init.get(),
                                                    .cgroup = group.get(),
                                                    .preservedFds = preserved});
  for (const runtime::Warning& warning : launched.warnings) warn(warning.message);
  handOver(launched, options);
  return detached ? 0 : waitForExit(launched);
}

}  // namespace strake::oci_runtime
