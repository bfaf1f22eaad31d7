// Work off the event loop, answered by promise. Nothing here uses libuv's pool, whose four threads belong to
// Node's own fs and dns: short blocking work runs on the addon's own bounded threads, a wait without an end
// on a thread of its own.
//
//   Napi::Value removeCgroup(const Napi::CallbackInfo& info) {
//     return async(info.Env(), [path = text(info, 0)] { cgroup::open(path).remove(); });
//   }
//
// `work` runs on another thread and touches no JavaScript; what it throws rejects the promise (errors.h).
// What it returns is handed to `convert(Napi::Env, T)` on the event loop, and what that returns resolves it.
// `work` may be move-only and may own descriptors: when the environment is gone by the time it ends, its
// result is destroyed.
#pragma once
#include <napi.h>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "addon/errors.h"
#include "addon/task.h"

namespace strake::addon {

/// Which thread runs the work.
enum class Thread {
  shared,  ///< One of at most eight; for work that ends by itself.
  own      ///< A new one; for waits that only somebody else can end.
};

/// The event loop of one environment, seen from other threads.
class EventLoop {
 public:
  /// To be called once, when the addon is loaded into `env`.
  static void attach(Napi::Env env);
  static EventLoop& of(Napi::Env env);

  /// Event loop only. One more result is to come: keeps the process alive until it has been delivered.
  void expect();
  /// Any thread, once per expect(). Runs `settle` on the loop, or destroys it when the environment is gone.
  void deliver(Settle settle);

 private:
  explicit EventLoop(Napi::Env env);
  /// Event loop only: when it returns no thread is inside of Node on its account, and none will be.
  void close();
  bool enter();
  void leave();
  static void call(napi_env env, napi_value, void* context, void* data);

  napi_env env_;
  napi_threadsafe_function function_ = nullptr;
  unsigned expected_ = 0;
  std::mutex mutex_;
  std::condition_variable left_;
  /// Threads that are inside of deliver().
  unsigned inside_ = 0;
  bool closed_ = false;
};

/// Hands `task` to a thread of that kind.
void run(Thread thread, Task task);

namespace detail {

/// How one call ended: a value, or what it threw.
template <typename T>
struct Outcome {
  std::exception_ptr error;
  std::optional<T> value;
};

template <typename Work>
auto outcomeOf(Work& work) {
  using T = std::invoke_result_t<Work&>;
  Outcome<std::conditional_t<std::is_void_v<T>, bool, T>> outcome;
  try {
    if constexpr (std::is_void_v<T>) {
      work();
      outcome.value.emplace(true);
    } else {
      outcome.value.emplace(work());
    }
  } catch (...) {
    outcome.error = std::current_exception();
  }
  return outcome;
}

}  // namespace detail

/// Runs `work` elsewhere; the promise resolves to `convert(env, result)`.
template <typename Work, typename Convert>
Napi::Promise async(Napi::Env env, Thread thread, Work work, Convert convert) {
  auto deferred = Napi::Promise::Deferred::New(env);
  EventLoop& loop = EventLoop::of(env);
  loop.expect();
  run(thread, Task([&loop, deferred, work = std::move(work), convert = std::move(convert)]() mutable {
        auto outcome = detail::outcomeOf(work);
        loop.deliver(Settle(
            [deferred, outcome = std::move(outcome), convert = std::move(convert)](Napi::Env env) mutable {
              settle(env, deferred, outcome.error, [&] { return convert(env, std::move(*outcome.value)); });
            }));
      }));
  return deferred.Promise();
}

/// As above, on the shared threads.
template <typename Work, typename Convert>
Napi::Promise async(Napi::Env env, Work work, Convert convert) {
  return async(env, Thread::shared, std::move(work), std::move(convert));
}

/// As above; the promise resolves to undefined.
template <typename Work>
Napi::Promise async(Napi::Env env, Work work) {
  return async(env, std::move(work), [](Napi::Env inner, auto&&) { return inner.Undefined(); });
}

}  // namespace strake::addon
