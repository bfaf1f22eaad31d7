// A move-only callable (std::function copies what it holds, and a descriptor has one owner).
#pragma once
#include <napi.h>

#include <memory>
#include <utility>

namespace strake::addon {

template <typename... Arguments>
class Callable {
 public:
  template <typename Function>
  explicit Callable(Function function) : held_(std::make_unique<Held<Function>>(std::move(function))) {}
  void operator()(Arguments... arguments) { held_->call(arguments...); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void call(Arguments... arguments) = 0;
  };
  template <typename Function>
  struct Held : Base {
    explicit Held(Function function) : function(std::move(function)) {}
    void call(Arguments... arguments) override { function(arguments...); }
    Function function;
  };
  std::unique_ptr<Base> held_;
};

/// Something to do on a thread that is not the event loop's.
using Task = Callable<>;
/// Something to do on the event loop.
using Settle = Callable<Napi::Env>;

}  // namespace strake::addon
