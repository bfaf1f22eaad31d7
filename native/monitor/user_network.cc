#include "monitor/user_network.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "monitor/held_ports.h"
#include "monitor/trouble.h"
#include "net/link.h"
#include "net/network.h"
#include "sys/error.h"
#include "sys/user_namespace.h"

namespace strake::monitor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{10};
constexpr useconds_t lookInterval = 1000;
constexpr const char* loopback = "127.0.0.1";

bool hasAddress(net::Netlink& route) {
  const std::vector<net::Ip> addresses = net::localAddresses(route);
  return std::ranges::any_of(addresses, [](const net::Ip& one) { return one.isV4() && !one.isLoopback(); });
}

}  // namespace

UserNetwork::UserNetwork(EventLoop& loop, NetworkTask task, std::string container)
    : loop_(loop), task_(std::move(task)), container_(std::move(container)) {}

void UserNetwork::connect(int netns) try {
  netns_ = sys::UniqueFd(sys::check(::fcntl(netns, F_DUPFD_CLOEXEC, 0), "dup", "network namespace"));
  userns_ = sys::UniqueFd(sys::check(::ioctl(netns, NS_GET_USERNS), "ioctl", "NS_GET_USERNS"));
  program_ = UserNetworkProgram(task_.program, userns_.get(), netns_.get());
  publish();  // meanwhile
  awaitInterface();
  program_.hide();
  record();
} catch (const sys::SysError& error) {
  disconnect();
  throw sys::Error("ERR_NETWORK_FAILED", std::string("the container cannot be connected: ") + error.what());
} catch (...) {
  disconnect();
  throw;
}

/// None of the programs says so itself by something that the other one has, too.
void UserNetwork::awaitInterface() {
  net::Netlink route(socketInside(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  for (const auto deadline = Clock::now() + patience; !hasAddress(route);) {
    if (program_.hasEnded() || Clock::now() > deadline)
      throw sys::Error("ERR_NETWORK_FAILED", task_.program.front() +
                                                 " did not connect the container: " + program_.said() +
                                                 "; `strake system info` says what it needs");
    ::usleep(lookInterval);
  }
}

/// Whoever may not enter a namespace that others are in sends a child, which shares the descriptors.
sys::UniqueFd UserNetwork::socketInside(int family, int type, int protocol) const {
  sys::UniqueFd socket;
  sys::inSharedChild(userns_.get(), [&] {
    sys::check(::setns(netns_.get(), CLONE_NEWNET), "setns", "network namespace");
    socket = sys::UniqueFd(sys::check(::socket(family, type | SOCK_CLOEXEC, protocol), "socket"));
  });
  return socket;
}

void UserNetwork::publish() {
  std::erase_if(published_, [&](const Published& one) {
    return std::ranges::find(task_.ports, one.request) == task_.ports.end();
  });
  for (const PortRequest& request : task_.ports)
    if (std::ranges::find(published_, request, &Published::request) == published_.end())
      published_.push_back(reserve(request));
}

/// To its loopback address, which needs no interface, and where whoever listens everywhere listens, too.
UserNetwork::Published UserNetwork::reserve(const PortRequest& request) {
  Published published{.request = request};
  for (HeldPort& held : holdPorts(-1, request, task_.networks)) {
    const SocketAddress target{net::Ip::parse(loopback), request.containerPort};
    published.ports.push_back({.protocol = request.protocol,
                               .host = held.host,
                               .hostPort = portOf(held.socket.get()),
                               .container = target.address,
                               .containerPort = target.port});
    published.proxies.push_back(
        PortProxy::make(loop_, request.protocol, std::move(held.socket), target,
                        [this](int family, int type) { return socketInside(family, type); }));
  }
  return published;
}

void UserNetwork::record() const {
  if (task_.record.empty()) return;
  std::vector<net::PortMapping> ports;
  for (const Published& one : published_) std::ranges::copy(one.ports, std::back_inserter(ports));
  net::Endpoint endpoint;
  endpoint.network = task_.record;
  endpoint.container = container_;
  endpoint.interface = "eth0";
  endpoint.mac = std::string(6, '\0');
  net::writeEndpoint(endpoint, task_.name, ports);
}

void UserNetwork::change(NetworkTask task) {
  const NetworkTask before = std::exchange(task_, std::move(task));
  task_.program = before.program;
  try {
    publish();
    record();
  } catch (...) {
    task_ = before;
    pastTrouble("published port", [&] {
      publish();
      record();
    });
    throw;
  }
}

void UserNetwork::disconnect() noexcept {
  published_.clear();
  program_.stop();
  if (!task_.record.empty()) net::removeEndpoint(task_.record, container_);
  netns_.reset();
  userns_.reset();
}

}  // namespace strake::monitor
