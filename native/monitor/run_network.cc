#include "monitor/run_network.h"

#include "monitor/monitor.h"
#include "monitor/task.h"
#include "monitor/user_network.h"
#include "sys/error.h"
#include "sys/lock.h"
#include "sys/whole_file.h"

namespace strake::monitor {

RunNetwork::RunNetwork(EventLoop& loop, const std::optional<NetworkTask>& task,
                       const std::string& container) {
  if (!task) return;
  if (task->program.empty())
    connection_ = std::make_unique<NetworkConnection>(loop, *task);
  else
    connection_ = std::make_unique<UserNetwork>(loop, *task, container);
}

std::function<void(int)> RunNetwork::connector() {
  if (!connection_) return {};
  return [&network = *connection_](int netns) { network.connect(netns); };
}

std::string RunNetwork::reload(const std::string& path) noexcept try {
  Task task = parseTask(sys::readDocument(path));
  if (connection_ && task.network) connection_->change(std::move(*task.network));
  return "{}";
} catch (const sys::SysError& error) {
  return failedJson({"ERR_NETWORK_FAILED", error.call(), error.error(), error.path(), error.what()});
} catch (...) {
  return failedJson(currentFailure());
}

void RunNetwork::disconnect() noexcept {
  if (connection_) connection_->disconnect();
}

void RunNetwork::removeInterfaces() noexcept {
  if (connection_) connection_->removeInterfaces();
}

void RunNetwork::releaseLeases() noexcept {
  if (connection_) connection_->releaseLeases();
}

void RunNetwork::undo() noexcept {
  disconnect();
  removeInterfaces();
}

void RunNetwork::leave(const std::string& lockPath) noexcept {
  removeInterfaces();
  std::optional<sys::FileLock> lock;
  try {
    lock = sys::tryLockFile(lockPath, sys::LockMode::exclusive);
    if (!lock) return;
  } catch (const std::exception&) {
    // Its directory is gone: nobody can.
  }
  releaseLeases();
}

}  // namespace strake::monitor
