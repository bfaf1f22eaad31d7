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
                                     {{"ignore-paused"}},      {{"no-subreaper"}}};

uint32_t parseId(const std::string& text) {
  char* end = nullptr;
  const unsigned long id = std::strtoul(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || id > 0xfffffffe)
    throw sys::Error("ERR_INVALID_ARGUMENT", "--user: expected UID[:GID], not \"" + text + "\"");
  return static_cast<uint32_t>(id);
}

void setUser(runtime::Process& process, const std::string& text) {
  const size_t colon = text.find(':');
  process.user = {};
  process.user.uid = parseId(text.substr(0, colon));
  process.user.gid = colon == std::string::npos ? 0 : parseId(text.substr(colon + 1));
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
    process.user.additionalGids.push_back(parseId(gid));
  for (const std::string& name : options.values("cap")) {
    const std::optional<int> number = runtime::capabilityNumber(name);
    if (!number) throw sys::Error("ERR_INVALID_ARGUMENT", "--cap: unknown capability " + name);
    const uint64_t bit = uint64_t{1} << *number;
    process.capabilities.bounding |= bit, process.capabilities.effective |= bit;
    process.capabilities.permitted |= bit;
  }
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

}  // namespace

int exec(const Global& global, Words words) {
  const Options options(words, execFlags, 1);
  Container container = Container::open(global.root, options.operand(0, "container id"));
  checkRunning(container, options.enabled("ignore-paused"));
  const Record& record = container.record();
  const sys::UniqueFd init = sys::openProcess(record.pid, record.pidStart);
  if (!init) throw sys::Error("ERR_CONTAINER_STATE", "cannot exec in a stopped container");
  const runtime::Process process = processOf(container.spec(), options);
  const bool detached = options.enabled("detach");
  if (process.terminal && detached && !options.has("console-socket"))
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     "cannot allocate tty if runc will detach without setting console socket");
  const auto group = container.group();
  const runtime::Launched launched = runtime::exec({.spec = container.spec(),
                                                    .process = process,
                                                    .init = record.pid,
                                                    .initPidfd = init.get(),
                                                    .cgroup = group.get(),
                                                    .preservedFds = preservedDescriptors(options)});
  for (const runtime::Warning& warning : launched.warnings) warn(warning.message);
  if (launched.console && options.has("console-socket"))
    sendConsole(launched.console.get(), options.value("console-socket"));
  writePidFile(options.value("pid-file"), launched.pid);
  return detached ? 0 : waitForExit(launched);
}

}  // namespace strake::oci_runtime
