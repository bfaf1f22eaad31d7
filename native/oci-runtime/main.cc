// strake-runtime [global flags] COMMAND …: containers from OCI bundles, with runc's command line.
#include <stdio.h>
#include <unistd.h>

#include <exception>
#include <string_view>

#include "oci-runtime/commands.h"
#include "oci-runtime/log.h"
#include "sys/error.h"

namespace strake::oci_runtime {
namespace {

struct Command {
  std::string_view name;
  int (*run)(const Global&, Words);
};

constexpr Command commands[] = {{"create", create}, {"start", start},       {"state", state},
                                {"kill", kill},     {"delete", remove},     {"run", run},
                                {"exec", exec},     {"list", list},         {"ps", ps},
                                {"pause", pause},   {"resume", resume},     {"update", update},
                                {"events", events}, {"features", features}, {"spec", spec}};

const std::vector<Flag> globalFlags = {{{"root"}, true},     {{"log"}, true},      {{"log-format"}, true},
                                       {{"debug"}},          {{"version", "v"}},   {{"help", "h"}},
                                       {{"systemd-cgroup"}}, {{"rootless"}, true}, {{"criu"}, true}};

void printUsage() {
  ::printf("usage: strake-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND …\ncommands:");
  for (const Command& command : commands)
    ::printf(" %.*s", static_cast<int>(command.name.size()), command.name.data());
  ::printf("\n");
}

[[noreturn]] void refuse(const std::string& what, const std::string& remedy) {
  throw sys::Error("ERR_NOT_IMPLEMENTED", what + " is not supported: " + remedy);
}

void refuseUnsupported(const Options& options) {
  if (options.enabled("systemd-cgroup"))
    refuse("--systemd-cgroup", "choose the cgroupfs driver of the engine");
  if (options.has("criu")) refuse("--criu", "containers are not checkpointed");
  const std::string rootless = options.value("rootless", "auto");
  if (rootless != "auto" && rootless != "false") refuse("--rootless=" + rootless, "run it as root");
  const std::string& name = options.operands()[0];
  if (name == "checkpoint" || name == "restore")
    refuse("the command " + name, "containers are not checkpointed");
}

int dispatch(Words words) {
  const Options options(words, globalFlags, 1);
  openLog(options.value("log"), options.value("log-format", "text"));
  if (options.enabled("version")) return ::printf("strake-runtime version 0.1.0\nspec: 1.2.0\n"), 0;
  if (options.enabled("help") || options.operands().empty()) return printUsage(), 0;
  refuseUnsupported(options);
  const std::string& name = options.operands()[0];
  for (const Command& command : commands)
    if (name == command.name)
      return command.run({options.value("root", "/run/strake-runtime")},
                         words.last(options.operands().size() - 1));
  throw sys::Error("ERR_INVALID_ARGUMENT", "unknown command \"" + name + "\": see strake-runtime --help");
}

}  // namespace
}  // namespace strake::oci_runtime

int main(int count, char** arguments) {
  try {
    return strake::oci_runtime::dispatch({arguments + 1, static_cast<size_t>(count - 1)});
  } catch (const std::exception& failure) {
    strake::oci_runtime::error(failure.what());
    return 1;
  }
}
