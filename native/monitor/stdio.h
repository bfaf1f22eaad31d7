// The two sides of a process's stdio, before it exists.
#pragma once
#include "monitor/stdio_hub.h"
#include "runtime/launch.h"

namespace strake::monitor {

struct Stdio {
  ContainerEnds ours;
  sys::UniqueFd in, out, err;  // the process's; in is empty for StdinMode::none

  /// For the launch. What is missing is /dev/null, the monitor's own descriptor 0.
  runtime::Stdio borrow() const;
  /// After the launch only the process has its side, so that its end is seen.
  void closeTheirs();
};

/// Pipes; nothing at all for a terminal, which the launch brings.
Stdio openStdio(bool terminal, StdinMode mode);

/// The process runs: its side is closed, ours goes to the hub, with the launch's terminal.
void connect(StdioHub& hub, Stdio& stdio, runtime::Launched& launched,
             const std::optional<TerminalSize>& size);

/// A listening socket `name` in `directory`, mode 0600; the directory's path may be longer than sun_path.
/// Replaces one that a dead monitor left.
sys::UniqueFd listenIn(const std::string& directory, const char* name);

}  // namespace strake::monitor
