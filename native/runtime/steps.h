// The steps of a start, in order. A failure is reported under the step that was being made, with that step's
// code when the error has none of its own; a trace is the time at which each step ended.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sys/error.h"

namespace strake::runtime {

enum class Step : uint8_t {
  clone,
  userNamespace,
  cgroup,
  namespaces,
  network,
  hostname,
  sysctl,
  rootfs,
  mounts,
  devices,
  console,
  masks,
  hook,
  pivotRoot,
  user,
  cwd,
  stdio,
  wait,
  rlimits,
  scheduling,
  labels,
  capabilities,
  seccomp,
  exec,
};

/// The stable name ("pivot_root").
const char* stepName(Step step);
/// The code of an error that has none of its own ("ERR_MOUNT_FAILED").
const char* stepCode(Step step);

/// What a failed system call said, and what a person can do about it where that is known.
std::string explain(const sys::SysError& error);

/// Nanoseconds of CLOCK_MONOTONIC, the same for every process of the machine.
int64_t monotonicNow();

/// Which step is being made and, when traced, when each one ended. Costs one store when not traced.
class Steps {
 public:
  explicit Steps(bool traced) : traced_(traced) {}

  void begin(Step step) {
    if (traced_) finish();
    current_ = step;
  }
  Step current() const noexcept { return current_; }
  bool traced() const noexcept { return traced_; }

  struct Finished {
    Step step;
    int64_t at;  // nanoseconds of monotonicNow()
  };
  /// The finished steps, and the current one as finished now.
  std::vector<Finished> finished() const;

 private:
  void finish();

  bool traced_;
  Step current_ = Step::clone;
  std::vector<Finished> finished_;
};

}  // namespace strake::runtime
