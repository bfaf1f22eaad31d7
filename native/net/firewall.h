// What strake asks of nftables: one table of its own, `inet strake`, so that nothing of anybody else's is
// read or written, and whoever flushes it flushes nothing else.
//
//   prerouting, output    (nat, dstnat)   to an address of this host -> published
//   published                             maps: protocol . [address .] port -> the container's address . port
//   postrouting           (nat, srcnat)   by the bridge it comes from -> leave-BRIDGE: masquerade what goes
//                                         elsewhere; by the bridge it goes to -> enter-BRIDGE: masquerade
//                                         what a container sent to a published port of its own network
//                                         (hairpin)
//   forward               (filter)        by the bridge it comes from -> from-BRIDGE (internal networks),
//                                         by the bridge it goes to -> to-BRIDGE: replies, neighbours and
//                                         published ports pass, everything else is dropped
//
// A network's chains and map elements are made in one transaction, as are all elements of one container. A
// drop in any other table is final, and so is one here; an accept here ends only this table's chain.
#pragma once
#include <string>
#include <vector>

#include "net/ip.h"
#include "net/netlink.h"

namespace strake::net {

inline constexpr const char* firewallTable = "strake";

/// What the rules of a bridge depend on.
struct BridgeRules {
  std::string bridge;
  std::vector<IpPrefix> gateways = {};  // the bridge's own addresses, in its subnets
  bool internal = false;                // nothing leaves or enters but between its containers
  bool masquerade = true;               // what leaves has an address of this host
  bool interContainer = true;           // its containers may talk with each other through this host
};

/// A published port: what comes for `host` (any: an address of this host) and `hostPort` is for the
/// container.
struct PortMapping {
  uint8_t protocol = 6;  // IPPROTO_*
  Ip host;
  uint16_t hostPort = 0;
  Ip container;  // of the same family as host
  uint16_t containerPort = 0;
};

/// Whether the kernel leads there: not what is for a loopback address, or for a container without an address
/// of that family (native/monitor/port_proxy.h).
bool isForKernel(const PortMapping& port);

/// The kernel has no nftables, or not what is needed of it. Throws sys::Error ERR_NFTABLES_MISSING instead of
/// the SysErrors that say so.
class Firewall {
 public:
  explicit Firewall(int netns);

  /// Makes the table, where there is none. True: there was none (nobody has used it since the machine
  /// started, or somebody flushed it).
  bool ensureTable();
  /// Makes the rules of a bridge, where there are none. The table is there.
  void ensureBridge(const BridgeRules& rules);
  /// What is gone already is no error.
  void removeBridge(const std::string& bridge);
  /// All or none; what is there already, and leads to the same place, is no error. EEXIST or EBUSY: it leads
  /// elsewhere.
  void publish(const std::vector<PortMapping>& ports);
  /// The same for whoever holds the ports by sockets: what leads elsewhere is of somebody who was killed.
  void claim(const std::vector<PortMapping>& ports);
  /// What leads elsewhere by now is somebody else's, and stays.
  void unpublish(const std::vector<PortMapping>& ports);
  /// Connection tracking decides at a flow's first datagram where all of it goes, and datagrams have no end
  /// that it could see: ends what it remembers of flows to these ports of the host, and of those that it
  /// leads to these ports of containers. A kernel without ctnetlink remembers on.
  void forgetDatagrams(const std::vector<PortMapping>& ports, const std::vector<Ip>& hostAddresses);
  /// Takes everything away.
  void removeTable();

 private:
  bool hasChain(const std::string& chain);
  /// What the map of published ports says of this one; empty: nothing.
  std::string leadsTo(const PortMapping& port);
  void remove(const PortMapping& port);
  Netlink netfilter_;
};

/// In a container's namespace: what asks 127.0.0.11 for names, port 53, is answered at these ports of the
/// same address. A server there would take the port itself from the container's own servers.
void redirectNameServer(int netns, uint16_t udpPort, uint16_t tcpPort);

}  // namespace strake::net
