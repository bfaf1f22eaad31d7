#include "addon/async.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace strake::addon {

namespace {

constexpr unsigned maxSharedThreads = 8;

/// Up to eight threads, started when work finds none idle. It is never destroyed: a thread may still be in a
/// system call when the process exits.
class SharedThreads {
 public:
  static SharedThreads& instance() {
    static auto* threads = new SharedThreads;
    return *threads;
  }

  void add(Task task) {
    const std::lock_guard guard(mutex_);
    tasks_.push_back(std::move(task));
    if (tasks_.size() > idle_ && threads_ < maxSharedThreads) start();
    wake_.notify_one();
  }

 private:
  void start() {
    try {
      std::thread([this] { serve(); }).detach();
      ++threads_;
    } catch (const std::system_error&) {
      if (threads_ == 0) throw;  // otherwise a busy thread will come to it
    }
  }

  [[noreturn]] void serve() {
    for (;;) {
      Task task = take();
      task();
    }
  }

  Task take() {
    std::unique_lock lock(mutex_);
    ++idle_;
    wake_.wait(lock, [this] { return !tasks_.empty(); });
    --idle_;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  unsigned idle_ = 0;
  unsigned threads_ = 0;
};

}  // namespace

void run(Thread thread, Task task) {
  if (thread == Thread::shared) return SharedThreads::instance().add(std::move(task));
  std::thread([task = std::move(task)]() mutable { task(); }).detach();
}

EventLoop::EventLoop(Napi::Env env) : env_(env) {
  napi_value name = Napi::String::New(env, "strake");
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, &EventLoop::call,
                                  &function_);
  napi_unref_threadsafe_function(env, function_);
  // Hooks run in reverse order: this one before the function's own, which closes it.
  napi_add_env_cleanup_hook(
      env, [](void* loop) { static_cast<EventLoop*>(loop)->close(); }, this);
}

// napi_call_threadsafe_function first queues the call and then wakes the loop by a write to an eventfd. The
// loop may take the call, find nothing more to do and close that descriptor before the write: libuv aborts
// then.
void EventLoop::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  left_.wait(lock, [this] { return inside_ == 0; });
}

bool EventLoop::enter() {
  const std::lock_guard guard(mutex_);
  if (!closed_) ++inside_;
  return !closed_;
}

void EventLoop::leave() {
  const std::lock_guard guard(mutex_);
  if (--inside_ == 0) left_.notify_all();
}

// The loop outlives its environment on purpose (one small object per environment): a worker may deliver to it
// late.
void EventLoop::attach(Napi::Env env) {
  napi_set_instance_data(env, new EventLoop(env), nullptr, nullptr);
}

EventLoop& EventLoop::of(Napi::Env env) {
  return *env.GetInstanceData<EventLoop>();
}

void EventLoop::expect() {
  napi_acquire_threadsafe_function(function_);
  if (expected_++ == 0) napi_ref_threadsafe_function(env_, function_);
}

void EventLoop::deliver(Settle settle) {
  auto owned = std::make_unique<Settle>(std::move(settle));
  if (!enter()) return;
  // napi_closing: the environment is going, and this call has given up the thread's hold on the function.
  if (napi_call_threadsafe_function(function_, owned.get(), napi_tsfn_blocking) == napi_ok) {
    static_cast<void>(owned.release());
    napi_release_threadsafe_function(function_, napi_tsfn_release);
  }
  leave();
}

void EventLoop::call(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<Settle> settle(static_cast<Settle*>(data));
  if (env == nullptr) return;
  auto* loop = static_cast<EventLoop*>(context);
  if (--loop->expected_ == 0) napi_unref_threadsafe_function(env, loop->function_);
  const Napi::HandleScope scope(env);
  (*settle)(Napi::Env(env));
}

}  // namespace strake::addon
