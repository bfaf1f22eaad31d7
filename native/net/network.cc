#include "net/network.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>

#include "net/netns.h"
#include "net/sysctl.h"
#include "sys/error.h"

namespace strake::net {

namespace {

constexpr const char* aliasPrefix = "strake network ";
constexpr int attempts = 5;  // against somebody who makes or removes the same

/// Locally administered, and the same for the same network.
std::string bridgeMac(const Network& network) {
  std::string mac("\x02\x42\0\0\0\0", 6);
  const std::string_view bytes =
      network.rules.gateways.empty() ? "" : network.rules.gateways.front().address.bytes();
  if (bytes.size() >= 4) mac.replace(2, 4, bytes.substr(bytes.size() - 4));
  return mac;
}

/// Sends one request; false when it failed with `expected`.
bool attempt(Netlink& route, Message message, const char* call, int expected) {
  try {
    route.request(message, call);
    return true;
  } catch (const sys::SysError& error) {
    if (error.error() != expected) throw;
    return false;
  }
}

bool hasIpv6(const Network& network) {
  return std::ranges::any_of(network.rules.gateways, [](const IpPrefix& one) { return !one.address.isV4(); });
}

/// The host passes packets between its networks, as every host of containers does.
void enableForwarding(Root& root, const Network& network) {
  if (readSetting(root.netns, "ipv4/ip_forward") == "0") writeSetting(root.netns, "ipv4/ip_forward", "1");
  if (!hasIpv6(network)) return;
  const std::string all = "ipv6/conf/all/forwarding";
  if (readSetting(root.netns, all) != "0") return;
  // A host that forwards ignores router advertisements, and would lose its own default route.
  for (const int index : defaultRouteLinks(root.route)) {
    char name[IF_NAMESIZE] = "";
    inNetns(root.netns, [&] { ::if_indextoname(static_cast<unsigned>(index), name); });
    const std::string setting = std::string("ipv6/conf/") + name + "/accept_ra";
    if (readSetting(root.netns, setting) == "1") writeSetting(root.netns, setting, "2");
  }
  writeSetting(root.netns, all, "1");
}

/// One without an alias is about to get it.
bool isOurs(const Link& link, const Network& network) {
  if (link.kind != "bridge") return false;
  return link.alias.empty() ? link.mac == bridgeMac(network) : link.alias == aliasPrefix + network.id;
}

void requireOurs(const Link& link, const Network& network) {
  if (isOurs(link, network)) return;
  throw sys::Error("ERR_NETWORK_INTERFACE_TAKEN",
                   "this host has an interface " + network.rules.bridge + " that is not network " +
                       network.name +
                       "'s: rename or remove it, or give the network another name for its bridge "
                       "(-o com.docker.network.bridge.name=NAME)");
}

void finishBridge(Root& root, const Network& network, int index) {
  for (const IpPrefix& gateway : network.rules.gateways) {
    try {
      attempt(root.route, addAddress(index, gateway), "RTM_NEWADDR", EEXIST);
    } catch (const sys::SysError& error) {
      if (gateway.address.isV4() || (error.error() != EACCES && error.error() != EOPNOTSUPP)) throw;
      throw sys::Error("ERR_IPV6_OFF", "network " + network.name +
                                           " is for IPv6, which is switched off on this host "
                                           "(net.ipv6.conf.all.disable_ipv6)");
    }
  }
  enableForwarding(root, network);
  // The kernel's own link-local address would be tentative for a second, and until then the bridge could ask
  // no container for its address on behalf of others.
  if (hasIpv6(network))
    attempt(root.route, addAddress(index, linkLocalOf(bridgeMac(network))), "RTM_NEWADDR", EEXIST);
  attempt(root.route, bringUp(network.rules.bridge, true), "RTM_NEWLINK", 0);
}

/// Its bridge, up. One that is up has everything: that comes last.
int ensureBridge(Root& root, const Network& network) {
  const std::string& name = network.rules.bridge;
  for (int count = 0; count < attempts; ++count) {
    std::optional<Link> link = findLink(root.route, name);
    if (!link) {
      attempt(root.route, makeBridge(name, bridgeMac(network), network.mtu), "RTM_NEWLINK", EEXIST);
      attempt(root.route, setAlias(name, aliasPrefix + network.id), "RTM_NEWLINK", ENODEV);
      link = findLink(root.route, name);
      if (!link) continue;
    }
    requireOurs(*link, network);
    if (!link->isUp) finishBridge(root, network, link->index);
    return link->index;
  }
  throw sys::SysError(EBUSY, "RTM_NEWLINK", "bridge " + name);
}

/// The kernel may take up to a second to notice that a link has come up, and drops what is sent until then.
/// It does so at once for whoever asks for the link (rtnl_getlink, Linux 6.8): the port first, by which the
/// bridge comes up.
void settle(Netlink& route, std::initializer_list<std::string> names) {
  for (const std::string& name : names) static_cast<void>(findLink(route, name));
}

void setAddresses(const Endpoint& endpoint, int netns) {
  Netlink route(NETLINK_ROUTE, netns);
  const std::optional<Link> link = findLink(route, endpoint.interface);
  if (!link) throw sys::SysError(ENODEV, "RTM_GETLINK", endpoint.interface);
  const bool noIpv6 =
      std::ranges::all_of(endpoint.addresses, [](const IpPrefix& one) { return one.address.isV4(); });
  std::vector<Message> messages;
  messages.push_back(bringUp(endpoint.interface, true));
  if (!noIpv6) messages.push_back(addAddress(link->index, linkLocalOf(endpoint.mac)));
  for (const IpPrefix& address : endpoint.addresses) messages.push_back(addAddress(link->index, address));
  for (const Ip& gateway : endpoint.gateways) messages.push_back(addDefaultRoute(link->index, gateway));
  route.requestAll(messages, "rtnetlink");
  settle(route, {endpoint.interface});
}

void attachBridged(Root& root, const Network& network, const Endpoint& endpoint, int netns) {
  const std::string name = hostInterface(network, endpoint.container);
  const std::optional<Link> bridge = findLink(root.route, network.rules.bridge);
  if (!bridge) throw sys::SysError(ENODEV, "RTM_GETLINK", network.rules.bridge);
  const VethPair pair{.name = name,
                      .bridge = bridge->index,
                      .netns = netns,
                      .peerName = endpoint.interface,
                      .peerMac = endpoint.mac,
                      .mtu = network.mtu};
  const auto make = [&] {
    std::vector<Message> messages;
    messages.push_back(makeVeth(pair));
    messages.push_back(bringPortUp(name, network.isolatePorts));
    root.route.requestAll(messages, "RTM_NEWLINK");
  };
  try {
    make();
  } catch (const sys::SysError& error) {
    if (error.error() != EEXIST) throw;
    attempt(root.route, removeLink(name), "RTM_DELLINK", ENODEV);  // of a process that was killed
    make();
  }
}

void attachMacvlan(Root& root, const Network& network, const Endpoint& endpoint, int netns) {
  const std::optional<Link> parent = findLink(root.route, network.parent);
  if (!parent)
    throw sys::Error("ERR_NETWORK_PARENT_MISSING", "network " + network.name + " is on the interface " +
                                                       network.parent + ", which this host does not have");
  // Where an interface of that name in this namespace would be in the way for a moment, another name is not.
  Message macvlan =
      makeMacvlan(endpoint.interface, parent->index, netns, endpoint.mac, network.mode, network.mtu);
  attempt(root.route, std::move(macvlan), "RTM_NEWLINK", 0);
}

}  // namespace

void publishPorts(Root& root, const std::vector<PortMapping>& ports) {
  if (ports.empty()) return;
  root.firewall().claim(ports);
  root.firewall().forgetDatagrams(ports, localAddresses(root.route));
}

void unpublishPorts(Root& root, const std::vector<PortMapping>& ports) {
  if (ports.empty()) return;
  root.firewall().unpublish(ports);
  root.firewall().forgetDatagrams(ports, localAddresses(root.route));
}

std::string hostInterface(const Network& network, const std::string& container) {
  return "sv" + network.id.substr(0, 5) + container.substr(0, 8);
}

bool ensureNetwork(Root& root, const Network& network) {
  if (network.driver != Network::Driver::bridge) return false;
  ensureBridge(root, network);
  const bool isNew = root.firewall().ensureTable();
  if (isNew) enableForwarding(root, network);
  root.firewall().ensureBridge(network.rules);
  return isNew;
}

void removeNetwork(Root& root, const Network& network) {
  if (network.driver != Network::Driver::bridge) return;
  const std::optional<Link> link = findLink(root.route, network.rules.bridge);
  if (link && isOurs(*link, network))
    attempt(root.route, removeLink(network.rules.bridge), "RTM_DELLINK", ENODEV);
  root.firewall().removeBridge(network.rules.bridge);
}

void attachEndpoint(Root& root, const Network& network, const Endpoint& endpoint, int netns) {
  if (network.driver == Network::Driver::bridge)
    attachBridged(root, network, endpoint, netns);
  else
    attachMacvlan(root, network, endpoint, netns);
  try {
    setAddresses(endpoint, netns);
    if (network.driver == Network::Driver::bridge)
      settle(root.route, {hostInterface(network, endpoint.container), network.rules.bridge});
  } catch (...) {
    Netlink inside(NETLINK_ROUTE, netns);
    attempt(inside, removeLink(endpoint.interface), "RTM_DELLINK", ENODEV);
    throw;
  }
}

void detachEndpoint(Root& root, const Network& network, const Endpoint& endpoint, int netns) {
  if (network.driver == Network::Driver::bridge) {
    attempt(root.route, removeLink(hostInterface(network, endpoint.container)), "RTM_DELLINK", ENODEV);
  } else if (netns >= 0) {
    Netlink inside(NETLINK_ROUTE, netns);
    attempt(inside, removeLink(endpoint.interface), "RTM_DELLINK", ENODEV);
  }
}

void setDefaultRoutes(const Endpoint& endpoint, int netns, bool isThere) {
  Netlink route(NETLINK_ROUTE, netns);
  const std::optional<Link> link = findLink(route, endpoint.interface);
  if (!link) return;
  for (const Ip& gateway : endpoint.gateways) {
    if (isThere)
      attempt(route, addDefaultRoute(link->index, gateway), "RTM_NEWROUTE", EEXIST);
    else
      attempt(route, removeDefaultRoute(link->index, gateway), "RTM_DELROUTE", ESRCH);
  }
}

}  // namespace strake::net
