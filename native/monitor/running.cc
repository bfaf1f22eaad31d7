#include "monitor/running.h"

#include "sys/error.h"
#include "sys/lock.h"
#include "sys/process.h"
#include "sys/whole_file.h"

namespace strake::monitor {

namespace {

[[noreturn]] void notRunning(const std::string& directory) {
  throw sys::Error("ERR_CONTAINER_STATE",
                   "the container of " + directory + " is not running: start it first");
}

}  // namespace

Running findRunning(const std::string& directory) {
  // Whoever can lock it knows that the container's monitor is gone.
  if (sys::tryLockFile(directory + "/lock", sys::LockMode::shared)) notRunning(directory);
  const std::optional<State> state = parseState(sys::readDocument(directory + "/state.json"));
  if (!state) notRunning(directory);
  Running running{*state, sys::openProcess(state->pid, state->pidStart)};
  if (!running.pidfd) notRunning(directory);
  return running;
}

}  // namespace strake::monitor
