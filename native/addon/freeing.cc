#include "addon/freeing.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>

#include "addon/async.h"

namespace strake::addon {

namespace {

/// One thread, which comes when there is something to close and goes when there is nothing. Not at a lower
/// priority: who waits for the file system's journal waits for it, too.
class Closer {
 public:
  /// Never destroyed: its thread may still be in close(2) when the process exits.
  static Closer& instance() {
    static auto* closer = new Closer;
    return *closer;
  }

  void add(std::vector<sys::UniqueFd> files) {
    const std::lock_guard guard(mutex_);
    for (sys::UniqueFd& file : files) files_.push_back(std::move(file));
    if (isRunning_ || files_.empty()) return;
    try {
      run(Thread::own, Task([this] { closeAll(); }));
      isRunning_ = true;
    } catch (const std::system_error&) {
      files_.clear();  // no thread is to be had: here, then
    }
  }

  void await() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return !isRunning_; });
  }

 private:
  void closeAll() {
    std::unique_lock lock(mutex_);
    while (!files_.empty()) {
      std::vector<sys::UniqueFd> closing = std::exchange(files_, {});
      lock.unlock();
      closing.clear();
      lock.lock();
    }
    isRunning_ = false;
    ended_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<sys::UniqueFd> files_;
  bool isRunning_ = false;
};

}  // namespace

void closeLater(std::vector<sys::UniqueFd> files) {
  if (!files.empty()) Closer::instance().add(std::move(files));
}

void awaitClosed() {
  Closer::instance().await();
}

}  // namespace strake::addon
