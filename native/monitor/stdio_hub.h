// Everything that flows between a container and its clients: output to the log and to every client that is
// attached, input from them, terminal sizes. Memory is bounded: the container is read only when the launcher
// has taken the last piece and nobody else is more than `maxBehind` behind (who stays there is dropped, see
// protocol/frames.h), clients are read only when the container has taken the last piece.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/connection.h"
#include "monitor/event_loop.h"
#include "monitor/json_log.h"
#include "monitor/output_source.h"
#include "monitor/stdin_sink.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

enum class StdinMode {
  none,
  open,  ///< open while no client is attached; a client can end it
  once   ///< ends when the first client that is attached to it goes
};

struct TerminalSize {
  uint16_t rows = 0, cols = 0;
};

/// The monitor's side of the container's stdio: a terminal, or pipes (`in` is absent for StdinMode::none).
struct ContainerEnds {
  sys::UniqueFd terminal;
  sys::UniqueFd in, out, err;
};

class StdioHub final : public Watcher,
                       public Connection::Owner,
                       public OutputSource::Owner,
                       public StdinSink::Owner {
 public:
  explicit StdioHub(EventLoop& loop) : loop_(loop) {}
  ~StdioHub();

  /// The connection that the monitor was born with.
  void addLauncher(sys::UniqueFd socket);
  void attachLauncher(Attach attach);
  void setStdinMode(StdinMode mode) { mode_ = mode; }
  /// Clients may connect to `listener` from now on. At most 64 are served at a time; one more is hung up on.
  void listen(sys::UniqueFd listener);
  /// From now on, output is logged too.
  void setLog(JsonLog::Options options);
  void setContainer(ContainerEnds ends);

  /// To the launcher alone.
  void tellLauncher(protocol::Frame type, const std::string& json);
  /// The launcher has ended its side, or there is none.
  bool launcherIsGone() const noexcept { return launcher_ == nullptr || launcherHasEnded_; }
  /// The payload of the launcher's go frame, once.
  std::optional<std::string> takeGo() noexcept { return std::exchange(go_, std::nullopt); }
  bool hasGo() const noexcept { return go_.has_value(); }
  /// Sends `started` to the launcher, and to every later client when it attaches.
  void start(const std::string& startedJson);
  /// What a client's reload frame does; its answer is sent back.
  void setReload(std::function<std::string()> reload) { reload_ = std::move(reload); }
  void resizeTerminal(TerminalSize size);
  /// Nothing in the container writes any more: passes on all that is left, also to clients that are slow, and
  /// ends the log.
  void drain();
  /// Sends `exited` to everyone and takes no more clients.
  void finish(const std::string& exitedJson);
  /// Nothing more is said to anybody.
  void end();
  bool hasClients() const noexcept { return !clients_.empty(); }
  /// Somebody has not taken everything yet.
  bool hasUnsent() const;
  bool launcherHasUnsent() const { return launcher_ != nullptr && launcher_->hasUnsent(); }
  /// Destroys the clients that have gone. Not to be called by a watcher.
  void reap();
  /// Gives back memory that a burst needed.
  void trim();

 private:
  void onEvents(uint32_t events) override;
  void onClientStdin(Connection& client, std::span<const char> bytes) override;
  void onClientFrame(Connection& client, protocol::Frame type, std::span<const char> payload) override;
  void onClientEnd(Connection& client) override;
  void onClientClosed(Connection& client) override;
  void onClientTook(Connection& client) override;
  bool acceptsInput() const override;
  void onOutput(Stream stream, std::span<const char> bytes) override;
  void onStdinDrained() override;

  /// False: nobody waits.
  bool acceptClient();
  void attachClient(Connection& client, std::span<const char> payload);
  void endStdin();
  void resize(std::span<const char> payload);
  void log(Stream stream, std::span<const char> bytes);
  void warnOfLog(const char* message);
  void stopListening();
  bool holdsOutput(const Connection& client) const;
  bool isHeld() const;
  void giveTime();
  void dropLagging();
  void drop(Connection& client);

  EventLoop& loop_;
  StdinMode mode_ = StdinMode::none;
  std::vector<std::unique_ptr<Connection>> clients_;
  Connection* launcher_ = nullptr;
  sys::UniqueFd listener_;
  sys::UniqueFd terminal_;
  std::optional<JsonLog> log_;
  std::unique_ptr<StdinSink> in_;
  std::vector<std::unique_ptr<OutputSource>> outputs_;
  std::string started_;
  std::optional<std::string> go_;
  std::function<std::string()> reload_;
  bool launcherHasEnded_ = false;
  bool draining_ = false;
  bool warnedOfLog_ = false;
  /// While somebody is too far behind.
  std::unique_ptr<Readiness> patience_;
};

}  // namespace strake::monitor
