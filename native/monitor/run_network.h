// The network of a container as its runs need it: connected while the init mounts its root, changed by
// whoever rewrites task.json, and gone step by step at the end.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "monitor/event_loop.h"
#include "monitor/network.h"
#include "monitor/network_task.h"

namespace strake::monitor {

class RunNetwork {
 public:
  /// Nothing is the monitor's to connect.
  RunNetwork() = default;
  RunNetwork(EventLoop& loop, const std::optional<NetworkTask>& task, const std::string& container);

  /// What runtime::launch() calls with the container's namespace; empty: nothing.
  std::function<void(int)> connector();
  /// The network of task.json at `path`, as it is now. The answer to a `reload` frame: "{}", or what went
  /// wrong.
  std::string reload(const std::string& path) noexcept;

  /// See ContainerNetwork.
  void disconnect() noexcept;
  void removeInterfaces() noexcept;
  void releaseLeases() noexcept;
  /// After a launch that failed: nothing is left but the leases.
  void undo() noexcept;
  /// After the last run. The addresses go, too, unless somebody has started the container again, who holds
  /// the lock at `lockPath` and has taken them over.
  void leave(const std::string& lockPath) noexcept;

 private:
  std::unique_ptr<ContainerNetwork> connection_;
};

}  // namespace strake::monitor
