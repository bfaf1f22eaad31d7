// A network as its record below the run directory has it (RUN/networks/ID, lib/network writes it), the
// endpoints of containers on it, and what the kernel needs for both.
//
//   RUN/networks/ID/network.json      what parseNetwork() reads
//   RUN/networks/ID/endpoints/CID     one running container's: who it is, its names, addresses, ports
//   RUN/networks/ID/leases/ADDRESS    a symbolic link to CID: the address is that container's
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "net/firewall.h"
#include "net/ip.h"
#include "net/link.h"

namespace strake::net {

struct Network {
  enum class Driver { bridge, macvlan };
  std::string id, name, directory;
  Driver driver = Driver::bridge;
  BridgeRules rules;          // of a bridge
  bool isolatePorts = false;  // containers are not neighbours, either
  std::string parent;         // of a macvlan
  uint32_t mode = 4;          // MACVLAN_MODE_BRIDGE
  unsigned mtu = 1500;
};

/// A container's end of a network, as its task says it.
struct Endpoint {
  std::string network;    // the network's directory
  std::string container;  // id
  std::string interface;  // "eth0"
  std::string mac;        // six bytes
  std::vector<IpPrefix> addresses;
  std::vector<Ip> gateways;  // of the container's default routes; empty: they lead elsewhere
  std::vector<std::string> names;
  std::vector<std::string> leases;  // paths
  bool operator==(const Endpoint& other) const {
    return network == other.network && interface == other.interface;
  }
};

/// Reads DIRECTORY/network.json. Throws sys::Error ERR_NETWORK_NOT_FOUND, ERR_SYSTEM.
Network readNetwork(const std::string& directory);
Network parseNetwork(const std::string& json, const std::string& directory);

/// Connections into one namespace, the network root's.
struct Root {
  explicit Root(int netns) : netns(netns), route(0, netns) {}
  int netns;
  Netlink route;  // NETLINK_ROUTE is 0
  /// Opened by who first needs it: a macvlan network works where the kernel has no nftables.
  /// Throws ERR_NFTABLES_MISSING.
  Firewall& firewall() { return firewall_ ? *firewall_ : firewall_.emplace(netns); }

 private:
  std::optional<Firewall> firewall_;
};

/// Makes of the network what is not there: bridge, addresses, rules, forwarding. Cheap when all of it is.
/// True: the firewall's table was not there, so that every other network's rules and published ports are
/// missing as well. Throws ERR_NETWORK_INTERFACE_TAKEN, ERR_NFTABLES_MISSING, SysError.
bool ensureNetwork(Root& root, const Network& network);
/// Its bridge and rules; what is gone already is no error.
void removeNetwork(Root& root, const Network& network);

/// Gives the namespace its interface on the network. On a throw nothing of it is left.
void attachEndpoint(Root& root, const Network& network, const Endpoint& endpoint, int netns);
/// The interface goes. What is gone already is no error. `netns`: the container's, or -1 when that goes
/// anyway.
void detachEndpoint(Root& root, const Network& network, const Endpoint& endpoint, int netns);
/// The default routes that the endpoint says, in the namespace; `isThere` false takes them away.
void setDefaultRoutes(const Endpoint& endpoint, int netns, bool isThere);

/// Firewall::claim and unpublish; and the flows of datagrams that the kernel remembers go the new way from
/// their next one on. Nothing for no ports.
void publishPorts(Root& root, const std::vector<PortMapping>& ports);
void unpublishPorts(Root& root, const std::vector<PortMapping>& ports);

/// The host's end of a container's veth pair.
std::string hostInterface(const Network& network, const std::string& container);

/// What other containers and `inspect` find of an endpoint. `ports` as they are.
void writeEndpoint(const Endpoint& endpoint, const std::string& name, const std::vector<PortMapping>& ports);
void removeEndpoint(const std::string& networkDirectory, const std::string& container);
/// Ends the leases, as far as they are that container's. Under RUN/networks/leases.lock, as all who end one:
/// between the look and the unlink(2) another one may have ended it, and a third one have it by now.
void releaseLeases(const Endpoint& endpoint);

struct EndpointRecord {
  std::string container, name;
  std::vector<std::string> names;
  std::vector<IpPrefix> addresses;
  std::vector<PortMapping> ports;
};
/// All that are on record; one that cannot be read is passed over.
std::vector<EndpointRecord> readEndpoints(const std::string& networkDirectory);

struct PortHolder {
  std::string container, name;
};
/// The containers on record that have this port of the host.
std::vector<PortHolder> portHolders(const std::string& networks, uint8_t protocol, uint16_t hostPort);

/// Rules and published ports of every network below `networks` (RUN/networks), by the records: after a flush.
void restoreNetworks(Root& root, const std::string& networks);

}  // namespace strake::net
