// Something that takes bytes in chunks, as JavaScript holds it: `Target` has offer(), whenRoom() and
// rethrowFailure() as layer::Pipeline has. What waits for room is settled on the event loop, in order.
#pragma once
#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "addon/async.h"

namespace strake::addon {

template <typename Target>
class ChunkSink : public std::enable_shared_from_this<ChunkSink<Target>> {
 public:
  /// The last owner may be the garbage collector, on the event loop: what the target waits for in its
  /// destructor is waited for elsewhere.
  template <typename Options>
  static std::shared_ptr<ChunkSink> make(Options options) {
    return {new ChunkSink(std::move(options)),
            [](ChunkSink* sink) { run(Thread::shared, Task([sink] { delete sink; })); }};
  }

  /// The promise of one write().
  Napi::Value write(Napi::Env env, std::span<const uint8_t> chunk) {
    auto deferred = Napi::Promise::Deferred::New(env);
    std::exception_ptr failure;
    bool room = false;
    try {
      room = target.offer(chunk);
    } catch (...) {
      failure = std::current_exception();
    }
    if (room || failure) {
      settle(env, deferred, failure, [env] { return env.Undefined(); });
    } else {
      waiting_.push_back(deferred);
      if (waiting_.size() == 1) awaitRoom(env);
    }
    return deferred.Promise();
  }

  Target target;

 private:
  template <typename Options>
  explicit ChunkSink(Options options) : target(std::move(options)) {}

  void awaitRoom(Napi::Env env) {
    EventLoop& loop = EventLoop::of(env);
    loop.expect();
    target.whenRoom([&loop, self = this->shared_from_this()] {
      loop.deliver(Settle([self](Napi::Env inner) { self->settleWaiting(inner); }));
    });
  }

  void settleWaiting(Napi::Env env) {
    std::exception_ptr failure;
    try {
      target.rethrowFailure();
    } catch (...) {
      failure = std::current_exception();
    }
    for (const auto& deferred : std::exchange(waiting_, {})) {
      settle(env, deferred, failure, [env] { return env.Undefined(); });
    }
  }

  std::vector<Napi::Promise::Deferred> waiting_;
};

}  // namespace strake::addon
