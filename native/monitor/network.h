// A container's connection with its networks, from the start of a run to its end: interfaces, published
// ports, its name server, its records. Its leases outlast restarts.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "monitor/event_loop.h"
#include "monitor/name_server.h"
#include "monitor/network_task.h"
#include "monitor/port_proxy.h"
#include "net/network.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

/// What a container's namespace is connected with.
class ContainerNetwork {
 public:
  virtual ~ContainerNetwork() = default;
  virtual void connect(int netns) = 0;
  virtual void change(NetworkTask task) = 0;
  virtual void disconnect() noexcept = 0;
  virtual void removeInterfaces() noexcept = 0;
  virtual void releaseLeases() noexcept = 0;
};

class NetworkConnection final : public ContainerNetwork {
 public:
  NetworkConnection(EventLoop& loop, NetworkTask task);
  ~NetworkConnection() override;
  NetworkConnection(const NetworkConnection&) = delete;
  NetworkConnection& operator=(const NetworkConnection&) = delete;

  /// Connects a namespace, which is not the monitor's own, before anything is executed in it. On a throw
  /// (sys::Error ERR_PORT_IN_USE, ERR_PORT_ADDRESS_MISSING, ERR_NETWORK_*, ERR_NFTABLES_MISSING) nothing of
  /// it is left.
  void connect(int netns) override;
  /// The task is another one now: connects and disconnects what differs. On a throw it is as it was, as far
  /// as that can be had again.
  void change(NetworkTask task) override;
  /// Nothing leads to the container any more, and nobody finds it; past errors: what cannot go is left for
  /// the next command to heal. Its interfaces are still to be removed, which takes the kernel milliseconds.
  void disconnect() noexcept override;
  void removeInterfaces() noexcept override;
  /// The addresses are free for others.
  void releaseLeases() noexcept override;

 private:
  struct Published;
  net::Root& root();
  void attach(const net::Endpoint& endpoint);
  void detach(const net::Endpoint& endpoint, int netns) noexcept;
  void removeInterface(const net::Endpoint& endpoint, int netns) noexcept;
  /// Where published ports lead: the first network that is a bridge and not internal.
  const net::Endpoint* publishingEndpoint();
  /// As the task says.
  void follow();
  void attachTo(const std::vector<net::Endpoint>& wanted);
  /// The task's ports; those that lead to the same container's address already stay as they are.
  void publish();
  void unpublish(const std::function<bool(const Published&)>& isUnwanted) noexcept;
  static std::vector<net::PortMapping> forKernel(std::span<const Published> published);
  void record();
  void serveNames();
  Published reserve(const PortRequest& request, const net::Endpoint& endpoint);

  EventLoop& loop_;
  NetworkTask task_;
  sys::UniqueFd rootNetns_, netns_;
  std::unique_ptr<net::Root> root_;
  std::vector<net::Endpoint> attached_, abandoned_;
  std::vector<Published> published_;
  std::unique_ptr<NameServer> names_;
};

}  // namespace strake::monitor
