// The name server of one container: 127.0.0.11, as docker's. It knows the containers that are on its networks
// (name_table.h) and asks the resolvers for every other name, unless all of the networks are internal: then
// nothing of a question leaves. Memory is bounded: so many questions, so many connections.
#pragma once
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "monitor/event_loop.h"
#include "monitor/name_question.h"
#include "monitor/name_table.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

inline constexpr const char* nameServerAddress = "127.0.0.11";

class NameServer {
 public:
  /// Answers in the namespace, which is borrowed. `networks`: their directories. Throws SysError.
  NameServer(EventLoop& loop, int netns, const std::vector<std::string>& networks,
             std::vector<Resolver> resolvers);
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  void setNetworks(const std::vector<std::string>& directories) { table_.setNetworks(directories); }

 private:
  class Socket;
  class Client;
  using Answered = std::function<void(std::string)>;

  void onDatagram();
  void onConnection();
  void onTick();
  /// Answers at once, or some time later, or (what is no question) never.
  void answer(std::string message, bool tcp, Answered answered);
  std::optional<std::string> answerHere(const NameQuery& query, std::string_view message, bool tcp);
  void forward(std::string message, const NameQuery& query, bool tcp, Answered answered);
  void setTimer(bool runs);
  void reap();
  void reapClients();

  EventLoop& loop_;
  int netns_;
  NameTable table_;
  std::vector<Resolver> resolvers_;
  std::unique_ptr<Socket> udp_, tcp_, timer_;
  std::list<NameQuestion> questions_;
  std::list<std::shared_ptr<Client>> clients_;
  bool timerRuns_ = false;
};

}  // namespace strake::monitor
