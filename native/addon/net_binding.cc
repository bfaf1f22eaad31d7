#include <memory>

#include "addon/async.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "net/netns.h"
#include "net/network.h"
#include "sys/error.h"

namespace strake::addon {

namespace {

/// Connections into the namespace at `path`, or ("") this program's own. On a thread of its own, which ends.
template <typename Work>
auto inRoot(const std::string& path, Work work) {
  const sys::UniqueFd netns = path.empty() ? sys::UniqueFd() : net::openNetns(path);
  net::Root root(netns.get());
  return work(root);
}

template <typename Work>
Napi::Value onRoot(const Napi::CallbackInfo& info, Work work) {
  return async(
      info.Env(), Thread::own, [path = text(info, 0), work] { inRoot(path, work); },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

Napi::Value hostSubnets(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), Thread::own,
      [path = text(info, 0)] {
        const sys::UniqueFd netns = path.empty() ? sys::UniqueFd() : net::openNetns(path);
        net::Netlink route(NETLINK_ROUTE, netns.get());
        std::vector<std::string> subnets;
        for (const net::IpPrefix& subnet : net::routedSubnets(route))
          subnets.push_back(subnet.address.text() + "/" + std::to_string(subnet.length));
        return subnets;
      },
      [](Napi::Env env, const std::vector<std::string>& subnets) { return toArray(env, subnets); });
}

Napi::Value ensureNetwork(const Napi::CallbackInfo& info) {
  return onRoot(info, [directory = text(info, 1), networks = text(info, 2)](net::Root& root) {
    if (net::ensureNetwork(root, net::readNetwork(directory))) net::restoreNetworks(root, networks);
  });
}

Napi::Value removeNetwork(const Napi::CallbackInfo& info) {
  return onRoot(info, [directory = text(info, 1)](net::Root& root) {
    net::removeNetwork(root, net::readNetwork(directory));
  });
}

Napi::Value restoreNetworks(const Napi::CallbackInfo& info) {
  return onRoot(info, [networks = text(info, 1)](net::Root& root) {
    root.firewall().ensureTable();
    net::restoreNetworks(root, networks);
  });
}

Napi::Value releaseEndpoint(const Napi::CallbackInfo& info) {
  return onRoot(info, [directory = text(info, 1), container = text(info, 2)](net::Root& root) {
    for (const net::EndpointRecord& record : net::readEndpoints(directory)) {
      if (record.container != container) continue;
      std::vector<net::PortMapping> ports = record.ports;
      std::erase_if(ports, [](const net::PortMapping& port) { return !net::isForKernel(port); });
      net::unpublishPorts(root, ports);
    }
    net::Endpoint endpoint;
    endpoint.container = container;
    net::detachEndpoint(root, net::readNetwork(directory), endpoint, -1);
    net::removeEndpoint(directory, container);
  });
}

}  // namespace

void registerNet(Napi::Env env, Napi::Object exports) {
  exports.Set("hostSubnets", entry<hostSubnets>(env, "hostSubnets"));
  exports.Set("ensureNetwork", entry<ensureNetwork>(env, "ensureNetwork"));
  exports.Set("removeNetwork", entry<removeNetwork>(env, "removeNetwork"));
  exports.Set("restoreNetworks", entry<restoreNetworks>(env, "restoreNetworks"));
  exports.Set("releaseEndpoint", entry<releaseEndpoint>(env, "releaseEndpoint"));
}

}  // namespace strake::addon
