#include "monitor/network.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <exception>

#include "net/netns.h"
#include "sys/error.h"

namespace strake::monitor {

namespace {

constexpr int randomAttempts = 32;  // a port that is free in one family may be taken in the other

/// A socket for each family that it is published on.
struct Held {
  net::Ip host;
  sys::UniqueFd socket;
};

template <typename Step>
void attempt(Step step) noexcept {
  try {
    step();
  } catch (const std::exception&) {
  }
}

std::string nameOf(const PortRequest& request, uint16_t port) {
  return (request.host.empty() ? "" : request.host + ":") + std::to_string(port) +
         (request.protocol == IPPROTO_TCP ? "/tcp" : "/udp");
}

bool isOff(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/// All addresses of a request with one port. Nothing: it is taken.
std::vector<Held> hold(int netns, const PortRequest& request, uint16_t port) {
  const bool everywhere = request.host.empty();
  std::vector<Held> held;
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
      throw;
    }
    if (port == 0) port = portOf(held.back().socket.get());
  }
  return held;
}

const net::IpPrefix* addressOf(const net::Endpoint& endpoint, int family) {
  for (const net::IpPrefix& address : endpoint.addresses)
    if (address.address.family() == family) return &address;
  return nullptr;
}

/// Found again after the task has been read anew.
bool contains(const std::vector<net::Endpoint>& endpoints, const net::Endpoint& endpoint) {
  return std::ranges::find(endpoints, endpoint) != endpoints.end();
}

}  // namespace

struct NetworkConnection::Published {
  std::vector<net::PortMapping> mappings, ports;
  std::vector<std::unique_ptr<PortProxy>> proxies;
};

NetworkConnection::NetworkConnection(EventLoop& loop, NetworkTask task)
    : loop_(loop), task_(std::move(task)) {
  if (!task_.netns.empty()) rootNetns_ = net::openNetns(task_.netns);
}

NetworkConnection::~NetworkConnection() = default;

/// Its sockets are not kept: a monitor has as little open as it can.
net::Root& NetworkConnection::root() {
  if (!root_) root_ = std::make_unique<net::Root>(rootNetns_.get());
  return *root_;
}

void NetworkConnection::connect(int netns) try {
  if (net::isOwnNetns(netns))
    throw sys::Error("ERR_NETWORK_FAILED", "the container has no network namespace of its own");
  netns_ = sys::UniqueFd(sys::check(::fcntl(netns, F_DUPFD_CLOEXEC, 0), "dup", "network namespace"));
  for (const net::Endpoint& endpoint : task_.endpoints) attach(endpoint);
  publish();
  record();
  serveNames();
  root_.reset();
} catch (const sys::SysError& error) {
  disconnect();
  removeInterfaces();
  throw sys::Error("ERR_NETWORK_FAILED", std::string("the container cannot be connected: ") + error.what());
} catch (...) {
  disconnect();
  removeInterfaces();
  throw;
}

void NetworkConnection::attach(const net::Endpoint& endpoint) {
  const net::Network network = net::readNetwork(endpoint.network);
  // Whoever flushed the rules flushed everybody's.
  if (net::ensureNetwork(root(), network)) net::restoreNetworks(root(), task_.networks);
  net::attachEndpoint(root(), network, endpoint, netns_.get());
  attached_.push_back(endpoint);
}

void NetworkConnection::detach(const net::Endpoint& endpoint, int netns) noexcept {
  net::removeEndpoint(endpoint.network, endpoint.container);
  removeInterface(endpoint, netns);
}

void NetworkConnection::removeInterface(const net::Endpoint& endpoint, int netns) noexcept {
  attempt([&] { net::detachEndpoint(root(), net::readNetwork(endpoint.network), endpoint, netns); });
}

const net::Endpoint* NetworkConnection::publishingEndpoint() {
  for (const net::Endpoint& endpoint : attached_) {
    const net::Network network = net::readNetwork(endpoint.network);
    if (network.driver == net::Network::Driver::bridge && !network.rules.internal) return &endpoint;
  }
  return nullptr;
}

void NetworkConnection::publish() {
  const net::Endpoint* endpoint = task_.ports.empty() ? nullptr : publishingEndpoint();
  if (endpoint == nullptr) return;
  for (const PortRequest& request : task_.ports) {
    Published published = reserve(request, *endpoint);
    std::ranges::move(published.mappings, std::back_inserter(mappings_));
    std::ranges::move(published.ports, std::back_inserter(ports_));
    std::ranges::move(published.proxies, std::back_inserter(proxies_));
  }
  if (!mappings_.empty()) root().firewall.publish(mappings_);
}

NetworkConnection::Published NetworkConnection::reserve(const PortRequest& request,
                                                        const net::Endpoint& endpoint) {
  std::vector<Held> held;
  const int attempts = request.first == 0 ? randomAttempts : request.last - request.first + 1;
  for (int n = 0; n < attempts && held.empty(); ++n)
    held = hold(rootNetns_.get(), request, static_cast<uint16_t>(request.first == 0 ? 0 : request.first + n));
  if (held.empty()) throwTaken(request);
  Published published;
  for (Held& one : held) {
    const net::IpPrefix* target = addressOf(endpoint, one.host.family());
    const net::PortMapping mapping{
        .protocol = request.protocol,
        .host = one.host,
        .hostPort = portOf(one.socket.get()),
        .container = target != nullptr ? target->address : endpoint.addresses.at(0).address,
        .containerPort = request.containerPort};
    if (net::isForKernel(mapping)) published.mappings.push_back(mapping);
    published.ports.push_back(mapping);
    published.proxies.push_back(PortProxy::make(loop_, request.protocol, std::move(one.socket),
                                                {mapping.container, request.containerPort},
                                                rootNetns_.get()));
  }
  return published;
}

/// By whom, where that is a container of ours.
void NetworkConnection::throwTaken(const PortRequest& request) {
  const std::string range = request.first == request.last
                                ? nameOf(request, request.first)
                                : nameOf(request, request.first) + " to " + std::to_string(request.last);
  std::string holder = "another program";
  attempt([&] {
    for (const auto& [container, name] : net::portHolders(task_.networks, request.protocol, request.first))
      holder = "container " + name;
  });
  throw sys::Error("ERR_PORT_IN_USE", "cannot publish port " + range + ": it is taken by " + holder +
                                          "; choose another port, or 0 for any that is free");
}

void NetworkConnection::unpublish() noexcept {
  if (!mappings_.empty()) attempt([&] { root().firewall.unpublish(mappings_); });
  proxies_.clear();
  mappings_.clear();
  ports_.clear();
}

void NetworkConnection::record() {
  const net::Endpoint* published = ports_.empty() ? nullptr : publishingEndpoint();
  for (const net::Endpoint& endpoint : attached_)
    net::writeEndpoint(endpoint, task_.name,
                       &endpoint == published ? ports_ : std::vector<net::PortMapping>());
}

void NetworkConnection::serveNames() {
  if (!task_.resolvers) return;
  net::Netlink inside(NETLINK_ROUTE, netns_.get());
  net::Message up = net::bringUp("lo", false);  // the init does so too, but when is not known
  inside.request(up, "RTM_NEWLINK");
  std::vector<std::string> networks;
  for (const net::Endpoint& endpoint : attached_) networks.push_back(endpoint.network);
  if (names_)
    names_->setNetworks(networks);
  else
    names_ = std::make_unique<NameServer>(loop_, netns_.get(), networks, *task_.resolvers);
}

void NetworkConnection::change(NetworkTask task) {
  const std::vector<net::Endpoint> before = attached_;
  const bool portsDiffer = task.ports != task_.ports;
  const std::vector<PortRequest> portsBefore = task_.ports;
  const auto apply = [&](const std::vector<net::Endpoint>& wanted) {
    for (const net::Endpoint& endpoint : before)
      if (!contains(wanted, endpoint)) detach(endpoint, netns_.get());
    attached_.clear();
    for (const net::Endpoint& endpoint : wanted) {
      if (contains(before, endpoint))
        attached_.push_back(endpoint);
      else
        attach(endpoint);
      net::setDefaultRoutes(endpoint, netns_.get(), true);
    }
  };
  task_ = std::move(task);
  try {
    apply(task_.endpoints);
    const bool endpointsDiffer = before != attached_;
    if (portsDiffer || endpointsDiffer) {
      unpublish();
      publish();
    }
    record();
    serveNames();
  } catch (...) {
    unpublish();
    task_.ports = portsBefore;
    attempt([&] { publish(); });
    attempt([&] { record(); });
    root_.reset();
    throw;
  }
  root_.reset();
}

void NetworkConnection::disconnect() noexcept {
  names_.reset();
  unpublish();
  for (const net::Endpoint& endpoint : attached_) net::removeEndpoint(endpoint.network, endpoint.container);
  abandoned_ = std::exchange(attached_, {});
  root_.reset();
  netns_.reset();
}

void NetworkConnection::removeInterfaces() noexcept {
  for (const net::Endpoint& endpoint : abandoned_) removeInterface(endpoint, -1);
  abandoned_.clear();
  root_.reset();
}

void NetworkConnection::releaseLeases() noexcept {
  for (const net::Endpoint& endpoint : task_.endpoints) net::releaseLeases(endpoint);
}

}  // namespace strake::monitor
