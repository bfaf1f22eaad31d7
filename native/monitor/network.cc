#include "monitor/network.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>

#include "monitor/held_ports.h"
#include "monitor/trouble.h"
#include "net/netns.h"
#include "sys/error.h"

namespace strake::monitor {

namespace {

const net::IpPrefix* addressOf(const net::Endpoint& endpoint, int family) {
  for (const net::IpPrefix& address : endpoint.addresses)
    if (address.address.family() == family) return &address;
  return nullptr;
}

}  // namespace

/// One request: what keeps it, and what leads from where to where.
struct NetworkConnection::Published {
  PortRequest request;
  std::string network;  // of the endpoint that it leads to
  std::vector<net::PortMapping> ports = {};
  std::vector<std::unique_ptr<PortProxy>> proxies = {};
};

/// What the kernel leads to the container; the rest is the proxies'.
std::vector<net::PortMapping> NetworkConnection::forKernel(std::span<const Published> published) {
  std::vector<net::PortMapping> ports;
  for (const Published& one : published)
    std::ranges::copy_if(one.ports, std::back_inserter(ports), net::isForKernel);
  return ports;
}

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
  pastTrouble("network",
              [&] { net::detachEndpoint(root(), net::readNetwork(endpoint.network), endpoint, netns); });
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
  unpublish([&](const Published& one) {
    return endpoint == nullptr || one.network != endpoint->network ||
           std::ranges::find(task_.ports, one.request) == task_.ports.end();
  });
  if (endpoint == nullptr) return;
  const size_t kept = published_.size();
  for (const PortRequest& request : task_.ports) {
    if (std::ranges::find(published_, request, &Published::request) == published_.end())
      published_.push_back(reserve(request, *endpoint));
  }
  const std::vector<net::PortMapping> added = forKernel({published_.begin() + kept, published_.end()});
  if (added.empty()) return;
  record();  // first: whoever heals a monitor that was killed here finds what it has left
  net::publishPorts(root(), added);
}

NetworkConnection::Published NetworkConnection::reserve(const PortRequest& request,
                                                        const net::Endpoint& endpoint) {
  std::vector<HeldPort> held = holdPorts(rootNetns_.get(), request, task_.networks);
  Published published{.request = request, .network = endpoint.network};
  for (HeldPort& one : held) {
    const net::IpPrefix* target = addressOf(endpoint, one.host.family());
    const net::PortMapping mapping{
        .protocol = request.protocol,
        .host = one.host,
        .hostPort = portOf(one.socket.get()),
        .container = target != nullptr ? target->address : endpoint.addresses.at(0).address,
        .containerPort = request.containerPort};
    published.ports.push_back(mapping);
    published.proxies.push_back(PortProxy::make(
        loop_, request.protocol, std::move(one.socket), {mapping.container, request.containerPort},
        [this](int family, int type) { return net::socketIn(rootNetns_.get(), family, type); }));
  }
  return published;
}

/// The rules first: the port is somebody else's when its socket goes.
void NetworkConnection::unpublish(const std::function<bool(const Published&)>& isUnwanted) noexcept {
  std::erase_if(published_, [&](const Published& one) {
    if (!isUnwanted(one)) return false;
    pastTrouble("published port", [&] { net::unpublishPorts(root(), forKernel({&one, 1})); });
    return true;
  });
}

void NetworkConnection::record() {
  const net::Endpoint* published = published_.empty() ? nullptr : publishingEndpoint();
  std::vector<net::PortMapping> ports;
  for (const Published& one : published_) std::ranges::copy(one.ports, std::back_inserter(ports));
  for (const net::Endpoint& endpoint : attached_)
    net::writeEndpoint(endpoint, task_.name,
                       &endpoint == published ? ports : std::vector<net::PortMapping>());
}

void NetworkConnection::serveNames() {
  if (!task_.resolvers && !names_) return;
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
  const NetworkTask before = std::exchange(task_, std::move(task));
  try {
    follow();
  } catch (...) {
    task_ = before;
    pastTrouble("network", [&] { follow(); });
    root_.reset();
    throw;
  }
  root_.reset();
}

void NetworkConnection::follow() {
  attachTo(task_.endpoints);
  publish();
  record();
  serveNames();
}

void NetworkConnection::attachTo(const std::vector<net::Endpoint>& wanted) {
  std::erase_if(attached_, [&](const net::Endpoint& endpoint) {
    if (std::ranges::find(wanted, endpoint) != wanted.end()) return false;
    detach(endpoint, netns_.get());
    return true;
  });
  for (const net::Endpoint& endpoint : wanted) {
    const auto found = std::ranges::find(attached_, endpoint);
    if (found == attached_.end())
      attach(endpoint);
    else
      *found = endpoint;  // its names and routes may be others
    net::setDefaultRoutes(endpoint, netns_.get(), true);
  }
}

void NetworkConnection::disconnect() noexcept {
  names_.reset();
  unpublish([](const Published&) { return true; });
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
  for (const net::Endpoint& endpoint : task_.endpoints)
    pastTrouble("address", [&] { net::releaseLeases(endpoint); });
}

}  // namespace strake::monitor
