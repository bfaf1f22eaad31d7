#include "monitor/held_ports.h"

#include <netinet/in.h>

#include "monitor/port_proxy.h"
#include "monitor/trouble.h"
#include "net/network.h"
#include "sys/error.h"

namespace strake::monitor {

namespace {

constexpr int randomAttempts = 32;  // a port that is free in one family may be taken in the other

std::string nameOf(const PortRequest& request, uint16_t port) {
  return (request.host.empty() ? "" : request.host + ":") + std::to_string(port) +
         (request.protocol == IPPROTO_TCP ? "/tcp" : "/udp");
}

bool isOff(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

[[noreturn]] void throwRefused(const PortRequest& request, uint16_t port, const sys::SysError& error) {
  if (error.error() != EACCES) throw error;
  throw sys::Error("ERR_PORT_ADDRESS_MISSING",
                   "cannot publish on " + nameOf(request, port) +
                       ": an ordinary user may not take ports below net.ipv4.ip_unprivileged_port_start");
}

/// All addresses of a request with one port. Nothing: it is taken.
std::vector<HeldPort> hold(int netns, const PortRequest& request, uint16_t port) {
  const bool everywhere = request.host.empty();
  std::vector<HeldPort> held;
  for (const std::string& host :
       everywhere ? std::vector<std::string>{"0.0.0.0", "::"} : std::vector<std::string>{request.host}) {
    const net::Ip address = net::Ip::parse(host);
    try {
      held.push_back({address, holdPort(netns, request.protocol, address, port)});
    } catch (const sys::SysError& error) {
      if (error.error() == EADDRINUSE) return {};
      if (everywhere && !address.isV4() && isOff(error.error())) break;
      if (isOff(error.error()))
        throw sys::Error("ERR_PORT_ADDRESS_MISSING",
                         "cannot publish on " + nameOf(request, port) + ": this host has no address " + host);
      throwRefused(request, port, error);
    }
    if (port == 0) port = portOf(held.back().socket.get());
  }
  return held;
}

/// By whom, where that is a container of ours.
[[noreturn]] void throwTaken(const PortRequest& request, const std::string& networks) {
  const std::string range = request.first == request.last
                                ? nameOf(request, request.first)
                                : nameOf(request, request.first) + " to " + std::to_string(request.last);
  std::string holder = "another program";
  pastTrouble("network", [&] {
    for (const auto& [container, name] : net::portHolders(networks, request.protocol, request.first))
      holder = "container " + name;
  });
  throw sys::Error("ERR_PORT_IN_USE", "cannot publish port " + range + ": it is taken by " + holder +
                                          "; choose another port, or 0 for any that is free");
}

}  // namespace

std::vector<HeldPort> holdPorts(int netns, const PortRequest& request, const std::string& networks) {
  const int attempts = request.first == 0 ? randomAttempts : request.last - request.first + 1;
  for (int n = 0; n < attempts; ++n) {
    const auto port = static_cast<uint16_t>(request.first == 0 ? 0 : request.first + n);
    std::vector<HeldPort> held = hold(netns, request, port);
    if (!held.empty()) return held;
  }
  throwTaken(request, networks);
}

}  // namespace strake::monitor
