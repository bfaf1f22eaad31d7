// The network of an ordinary user's container, who may make no bridge: pasta or slirp4netns gives it a way
// out, and the monitor serves what is published, with sockets of its own on the host and others inside.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "monitor/event_loop.h"
#include "monitor/network.h"
#include "monitor/network_task.h"
#include "monitor/port_proxy.h"
#include "monitor/user_network_program.h"
#include "net/firewall.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

class UserNetwork final : public ContainerNetwork {
 public:
  UserNetwork(EventLoop& loop, NetworkTask task, std::string container);

  /// Returns when there is an interface with an address. On a throw (sys::Error ERR_NETWORK_FAILED,
  /// ERR_PORT_IN_USE, ERR_PORT_ADDRESS_MISSING) nothing of it is left.
  void connect(int netns) override;
  /// Ports; the rest stays as it is. On a throw they are what they were.
  void change(NetworkTask task) override;
  void disconnect() noexcept override;
  void removeInterfaces() noexcept override {}
  void releaseLeases() noexcept override {}

 private:
  struct Published {
    PortRequest request;
    std::vector<net::PortMapping> ports = {};
    std::vector<std::unique_ptr<PortProxy>> proxies = {};
  };
  sys::UniqueFd socketInside(int family, int type, int protocol = 0) const;
  void awaitInterface();
  /// As the task says; what is published already stays.
  void publish();
  Published reserve(const PortRequest& request);
  void record() const;

  EventLoop& loop_;
  NetworkTask task_;
  std::string container_;
  sys::UniqueFd netns_, userns_;
  UserNetworkProgram program_;
  std::vector<Published> published_;
};

}  // namespace strake::monitor
