// Ports of this host that a container asks for: taken by sockets, which make a port that is taken an error.
#pragma once
#include <string>
#include <vector>

#include "monitor/network_task.h"
#include "net/ip.h"
#include "sys/unique_fd.h"

namespace strake::monitor {

struct HeldPort {
  net::Ip host;
  sys::UniqueFd socket;
};

/// A socket for each family that it is published on, all with one port of the request. `netns`: see
/// net::socketIn. `networks`: RUN/networks, where it is looked up who has a port that is taken. Throws
/// sys::Error ERR_PORT_IN_USE, ERR_PORT_ADDRESS_MISSING.
std::vector<HeldPort> holdPorts(int netns, const PortRequest& request, const std::string& networks);

}  // namespace strake::monitor
