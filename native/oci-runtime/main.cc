// strake-runtime [global flags] COMMAND …: containers from OCI bundles, with runc's command line.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "oci-runtime/commands.h"
#include "oci-runtime/log.h"
#include "oci-runtime/self.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

struct Command {
  std::string_view name;
  int (*run)(const Global&, Words);
  bool executes = false;  // a program of the container, as a child of this one
};

constexpr Command commands[] = {{"create", create, true}, {"start", start},       {"state", state},
                                {"kill", kill},           {"delete", remove},     {"run", run, true},
                                {"exec", exec, true},     {"list", list},         {"ps", ps},
                                {"pause", pause},         {"resume", resume},     {"update", update},
                                {"events", events},       {"features", features}, {"spec", spec}};

const std::vector<Flag> globalFlags = {{{"root"}, true},     {{"log"}, true},    {{"log-format"}, true},
                                       {{"debug"}},          {{"version", "v"}}, {{"systemd-cgroup"}},
                                       {{"rootless"}, true}, {{"criu"}, true}};

std::string usage() {
  std::string text =
      "usage: strake-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND …\n"
      "see strake-runtime COMMAND --help for its flags\ncommands:";
  for (const Command& command : commands) text += " " + std::string(command.name);
  return text + "\n";
}

[[noreturn]] void refuse(const std::string& what, const std::string& remedy) {
  throw sys::Error("ERR_NOT_IMPLEMENTED", what + " is not supported: " + remedy);
}

void refuseUnsupported(const Options& options) {
  if (options.enabled("systemd-cgroup"))
    refuse("--systemd-cgroup", "choose the cgroupfs driver of the engine");
  if (options.has("criu")) refuse("--criu", "containers are not checkpointed");
  const std::string& name = options.operands()[0];
  if (name == "checkpoint" || name == "restore")
    refuse("the command " + name, "containers are not checkpointed");
}

/// True for an ordinary user, and for the root of a user namespace where not all users are.
bool isOrdinary() {
  return ::geteuid() != 0 || !sys::readDocument("/proc/self/uid_map").ends_with(" 4294967295\n");
}

bool isRootless(const Options& options) {
  const std::string rootless = options.value("rootless", "auto");
  if (rootless != "true" && rootless != "false" && rootless != "auto")
    throw sys::Error("ERR_INVALID_ARGUMENT", "--rootless: true, false or auto, not \"" + rootless + "\"");
  return rootless == "true" || (rootless == "auto" && isOrdinary());
}

/// Where state is without --root: what an ordinary user has for it is $XDG_RUNTIME_DIR.
std::string defaultRoot() {
  const char* own = ::getenv("XDG_RUNTIME_DIR");
  return ::geteuid() != 0 && own && *own ? own + std::string("/strake-runtime") : "/run/strake-runtime";
}

const Command& commandNamed(const std::string& name) {
  for (const Command& command : commands)
    if (name == command.name) return command;
  throw sys::Error("ERR_INVALID_ARGUMENT", "unknown command \"" + name + "\": see strake-runtime --help");
}

/// runc-exec(8): 255 says that it was not the program in the container that failed.
int execute(const Command& command, const Global& global, Words words) {
  try {
    return command.run(global, words);
  } catch (const std::exception& failure) {
    error(failure.what());
    return command.run == exec ? 255 : 1;
  }
}

int dispatch(char* const* arguments, Words words) {
  const Options options(words, globalFlags, {0, anyNumber, 1});
  openLog(options.value("log"), options.value("log-format", "text"));
  if (options.enabled("version")) return print("strake-runtime version 0.1.0\nspec: 1.2.0\n"), 0;
  if (options.operands().empty() || options.operand(0) == "help" || options.operand(0) == "h")
    return print(usage()), 0;
  refuseUnsupported(options);
  const Command& command = commandNamed(options.operand(0));
  if (command.executes) runFromReadOnly(arguments);
  return execute(command, {options.value("root", defaultRoot()), isRootless(options)},
                 words.last(options.operands().size() - 1));
}

}  // namespace
}  // namespace strake::oci_runtime

int main(int count, char** arguments) {
  using namespace strake::oci_runtime;
  try {
    return dispatch(arguments, Words(arguments + 1, static_cast<size_t>(count - 1)));
  } catch (const HelpWanted& help) {
    print(usage() + help.text);
    return 0;
  } catch (const std::exception& failure) {
    error(failure.what());
    return 1;
  }
}
