// Interfaces, their addresses and routes, by rtnetlink(7). Builders answer messages, so that a caller sends
// many at once (Netlink::requestAll); what is called at once takes the connection.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "net/ip.h"
#include "net/netlink.h"

namespace strake::net {

struct Link {
  int index = 0;
  std::string name, kind;  // "bridge", "veth" …; "" of a device
  bool isUp = false;
  unsigned mtu = 0;
  std::string alias, mac;
};

/// The interface of that name, or nothing.
std::optional<Link> findLink(Netlink& route, const std::string& name);

/// What a veth pair is made of: one end in the namespace of the connection, in a bridge, the other in
/// another.
struct VethPair {
  std::string name;
  int bridge = 0;  // its index
  int netns = -1;  // the other end's
  std::string peerName, peerMac;
  unsigned mtu = 1500;
};

/// Down. A fixed `mac`: else it would change with the ports, and neighbours would lose it.
Message makeBridge(const std::string& name, const std::string& mac, unsigned mtu);
/// What `ip link` shows under the name; the kernel takes none at the making.
Message setAlias(const std::string& name, const std::string& alias);
/// Both ends, down.
Message makeVeth(const VethPair& pair);
/// Another name, for one that is down.
Message renameLink(int index, const std::string& name);
/// A macvlan above `parent`, in another namespace.
Message makeMacvlan(const std::string& name, int parent, int netns, const std::string& mac, uint32_t mode,
                    unsigned mtu);
/// Up. `noIpv6`: it gets no IPv6 address of its own accord (IN6_ADDR_GEN_MODE_NONE).
Message bringUp(const std::string& name, bool noIpv6);
Message removeLink(const std::string& name);
/// A port of a bridge, up and without IPv6 of its own. It passes back what comes from it (hairpin), since
/// with net.bridge.bridge-nf-call-iptables a packet to the container's own published port is turned round in
/// the bridge. `isolated`: no frame goes between it and another one that is, too (Linux 4.18).
Message bringPortUp(const std::string& name, bool isolated);

Message addAddress(int index, const IpPrefix& address);
Message removeAddress(int index, const IpPrefix& address);
std::vector<IpPrefix> addressesOf(Netlink& route, int index);
/// By way of the gateway, which is on the interface.
Message addDefaultRoute(int index, const Ip& gateway);
Message removeDefaultRoute(int index, const Ip& gateway);

/// The subnets to which the namespace has a route, but for those of the default route. "::/0" and "0.0.0.0/0"
/// are not among them.
std::vector<IpPrefix> routedSubnets(Netlink& route);

/// All that the namespace itself has.
std::vector<Ip> localAddresses(Netlink& route);

/// The names of the host's default routes' interfaces, of both families.
std::vector<int> defaultRouteLinks(Netlink& route);

}  // namespace strake::net
