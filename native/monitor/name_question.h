// A question for an outside name on its way: to one resolver after the other, until one has answered.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "monitor/event_loop.h"
#include "monitor/name_message.h"
#include "monitor/network_task.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

class NameQuestion final : public Watcher {
 public:
  /// `answered` gets the resolver's answer with the client's id, or a failure, once. `containerNetns` is
  /// borrowed. `tcp`: as the client asked, so is asked.
  NameQuestion(EventLoop& loop, std::string message, NameQuery query, const std::vector<Resolver>& resolvers,
               int containerNetns, bool tcp, std::function<void(std::string)> answered);
  ~NameQuestion();
  NameQuestion(const NameQuestion&) = delete;
  NameQuestion& operator=(const NameQuestion&) = delete;

  bool isOver() const noexcept { return isOver_; }
  /// To be called now and then: a resolver that has had its time is given up.
  void tick();
  void onEvents(uint32_t events) override;

 private:
  void askNext();
  void proceed();
  bool ask(const Resolver& resolver);
  void receiveDatagram();
  void sendStream();
  void receiveStream();
  void take(std::string answer);
  void hangUp() noexcept;

  EventLoop& loop_;
  std::string message_;
  NameQuery query_;
  std::vector<Resolver> resolvers_;
  int netns_;
  bool tcp_;
  std::function<void(std::string)> answered_;
  sys::UniqueFd socket_;
  uint16_t id_ = 0;  // of what was sent: nobody else can guess it
  std::string unsent_, received_;
  size_t attempt_ = 0;
  std::chrono::steady_clock::time_point deadline_;
  bool isOver_ = false;
};

}  // namespace strake::monitor
