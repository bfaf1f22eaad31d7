#include "net/firewall.h"

#include <linux/netfilter.h>

#include "net/nftables.h"
#include "sys/error.h"

namespace strake::net {

namespace {

using nft::Rule;
using nft::Type;

// linux/netfilter_ipv4.h and nf_conntrack_common.h, whose definitions clash with libc's or are not exported.
constexpr int32_t destinationNat = -100, sourceNat = 100, filter = 0;
constexpr uint32_t established = 1U << 1, related = 1U << 2;  // NF_CT_STATE_BIT(IP_CT_…)
constexpr uint32_t wasTranslated = 1U << 5;                   // IPS_DST_NAT

const std::vector<nft::Map> maps = {
    {"ports4", {Type::protocol, Type::port}, {Type::ipv4, Type::port}},
    {"ports6", {Type::protocol, Type::port}, {Type::ipv6, Type::port}},
    {"addressed4", {Type::protocol, Type::ipv4, Type::port}, {Type::ipv4, Type::port}},
    {"addressed6", {Type::protocol, Type::ipv6, Type::port}, {Type::ipv6, Type::port}},
    {"leaving", {Type::interface}, {}},
    {"entering", {Type::interface}, {}},
    {"from", {Type::interface}, {}},
    {"to", {Type::interface}, {}},
};

std::string leaveChain(const std::string& bridge) {
  return "leave-" + bridge;
}
std::string enterChain(const std::string& bridge) {
  return "enter-" + bridge;
}
std::string fromChain(const std::string& bridge) {
  return "from-" + bridge;
}
std::string toChain(const std::string& bridge) {
  return "to-" + bridge;
}

Rule rule(const std::string& chain) {
  return {firewallTable, chain};
}

/// Packets of one family to published ports. The loopback addresses are the proxy's (native/monitor), since
/// the kernel lets nothing from them out of the host.
void addPublishedRules(std::vector<Message>& messages, int family) {
  const bool v4 = family == AF_INET;
  const std::string digit = v4 ? "4" : "6";
  const nft::Register address = nft::first + 1, behindAddress = address + (v4 ? 1 : 4);
  const nft::Register target = nft::first, targetPort = target + (v4 ? 1 : 4);
  const std::string loopback = v4 ? std::string("\x7f\0\0\0", 4) : std::string(15, '\0') + '\1';
  const std::string mask = v4 ? std::string("\xff\0\0\0", 4) : std::string(16, '\xff');
  messages.push_back(
      rule("published").isFamily(family).isDestination(loopback, mask).then(nft::returned()).message());
  messages.push_back(rule("published")
                         .isFamily(family)
                         .loadProtocol(nft::first)
                         .loadDestination(family, address)
                         .loadDestinationPort(behindAddress)
                         .lookUp("addressed" + digit, nft::first, target)
                         .translateDestination(family, target, targetPort)
                         .message());
  messages.push_back(rule("published")
                         .isFamily(family)
                         .loadProtocol(nft::first)
                         .loadDestinationPort(nft::first + 1)
                         .lookUp("ports" + digit, nft::first, target)
                         .translateDestination(family, target, targetPort)
                         .message());
}

std::vector<Message> tableMessages() {
  std::vector<Message> messages;
  messages.push_back(nft::addTable(firewallTable, NLM_F_EXCL));
  uint32_t id = 0;
  for (const nft::Map& map : maps) messages.push_back(nft::addMap(firewallTable, map, ++id));
  const auto chain = [&](const char* name, std::optional<nft::Hook> hook) {
    messages.push_back(nft::addChain(firewallTable, name, 0, hook));
  };
  chain("published", std::nullopt);
  chain("prerouting", nft::Hook{"nat", NF_INET_PRE_ROUTING, destinationNat});
  chain("output", nft::Hook{"nat", NF_INET_LOCAL_OUT, destinationNat});
  chain("postrouting", nft::Hook{"nat", NF_INET_POST_ROUTING, sourceNat});
  chain("forward", nft::Hook{"filter", NF_INET_FORWARD, filter});
  addPublishedRules(messages, AF_INET);
  addPublishedRules(messages, AF_INET6);
  for (const char* origin : {"prerouting", "output"})
    messages.push_back(rule(origin).isToThisHost().then(nft::jumpTo("published")).message());
  messages.push_back(rule("postrouting").decideByOrigin("leaving").message());
  messages.push_back(rule("postrouting").decideByOutput("entering").message());
  messages.push_back(rule("forward").decideByOrigin("from").message());
  messages.push_back(rule("forward").decideByOutput("to").message());
  return messages;
}

std::vector<Message> bridgeMessages(const BridgeRules& rules) {
  const std::string& bridge = rules.bridge;
  const std::string leave = leaveChain(bridge), enter = enterChain(bridge), from = fromChain(bridge),
                    to = toChain(bridge);
  std::vector<Message> messages;
  for (const std::string& chain : {leave, enter, from, to})
    messages.push_back(nft::addChain(firewallTable, chain, NLM_F_EXCL));
  if (rules.masquerade && !rules.internal)
    messages.push_back(rule(leave).isTo(bridge, false).masquerade().message());
  // The answer has to come back through here, and not directly from the neighbour.
  for (const auto& [address, length] : rules.gateways) {
    messages.push_back(rule(enter)
                           .isFamily(address.family())
                           .isSource(address.subnet(length).bytes(), address.mask(length).bytes())
                           .hasStatus(wasTranslated)
                           .masquerade()
                           .message());
  }
  if (rules.internal) {
    messages.push_back(rule(from).isTo(bridge, false).then(nft::dropped()).message());
    messages.push_back(rule(to).isFrom(bridge, false).then(nft::dropped()).message());
  }
  messages.push_back(rule(to).hasState(established | related).then(nft::accepted()).message());
  if (rules.interContainer) messages.push_back(rule(to).isFrom(bridge).then(nft::accepted()).message());
  messages.push_back(rule(to).hasStatus(wasTranslated).then(nft::accepted()).message());
  messages.push_back(rule(to).then(nft::dropped()).message());
  const std::string key = nft::interfaceKey(bridge);
  messages.push_back(
      nft::addElements(firewallTable, "leaving", {{.key = key, .verdict = nft::jumpTo(leave)}}));
  messages.push_back(
      nft::addElements(firewallTable, "entering", {{.key = key, .verdict = nft::jumpTo(enter)}}));
  messages.push_back(nft::addElements(firewallTable, "from", {{.key = key, .verdict = nft::jumpTo(from)}}));
  messages.push_back(nft::addElements(firewallTable, "to", {{.key = key, .verdict = nft::jumpTo(to)}}));
  return messages;
}

std::string big(uint16_t port) {
  const uint16_t number = htons(port);
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string mapOf(const PortMapping& port) {
  return std::string(port.host.isAny() ? "ports" : "addressed") + (port.host.isV4() ? "4" : "6");
}

std::string keyOf(const PortMapping& port) {
  const std::string protocol(1, static_cast<char>(port.protocol));
  if (port.host.isAny()) return nft::concatenated({protocol, big(port.hostPort)});
  return nft::concatenated({protocol, port.host.bytes(), big(port.hostPort)});
}

std::string targetOf(const PortMapping& port) {
  return nft::concatenated({port.container.bytes(), big(port.containerPort)});
}

[[noreturn]] void throwMissing(const sys::SysError& error) {
  throw sys::Error(
      "ERR_NFTABLES_MISSING",
      std::string("this kernel's nftables cannot do what bridge networks need (") + error.what() +
          "): load nf_tables, nft_chain_nat, nft_fib_inet, nft_ct and nft_masq, or use --network "
          "none or host");
}

bool meansMissing(int error) {
  return error == EOPNOTSUPP || error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == ENOENT;
}

Netlink openNetfilter(int netns) {
  try {
    return {NETLINK_NETFILTER, netns};
  } catch (const sys::SysError& error) {
    if (error.error() == EPROTONOSUPPORT) throwMissing(error);
    throw;
  }
}

}  // namespace

bool isForKernel(const PortMapping& port) {
  return port.host.family() == port.container.family() && !port.host.isLoopback();
}

Firewall::Firewall(int netns) : netfilter_(openNetfilter(netns)) {}

bool Firewall::hasChain(const std::string& chain) {
  Message message = nft::findChain(firewallTable, chain);
  return netfilter_.get(message, "NFT_MSG_GETCHAIN", [](const Answer&) {});
}

bool Firewall::ensureTable() {
  if (hasChain("forward")) return false;
  std::vector<Message> messages = tableMessages();
  try {
    netfilter_.commit(messages, "nftables");
    return true;
  } catch (const sys::SysError& error) {
    if (error.error() == EEXIST) return false;  // another process was faster
    if (meansMissing(error.error())) throwMissing(error);
    throw;
  }
}

void Firewall::ensureBridge(const BridgeRules& rules) {
  if (hasChain(toChain(rules.bridge))) return;
  std::vector<Message> messages = bridgeMessages(rules);
  try {
    netfilter_.commit(messages, "nftables");
  } catch (const sys::SysError& error) {
    if (error.error() != EEXIST) throw;
  }
}

void Firewall::removeBridge(const std::string& bridge) {
  if (!hasChain(toChain(bridge))) return;
  const std::string key = nft::interfaceKey(bridge);
  std::vector<Message> messages;
  for (const char* map : {"leaving", "entering", "from", "to"})
    messages.push_back(nft::removeElement(firewallTable, map, key));
  for (const std::string& chain :
       {leaveChain(bridge), enterChain(bridge), fromChain(bridge), toChain(bridge)})
    messages.push_back(nft::removeChain(firewallTable, chain));
  try {
    netfilter_.commit(messages, "nftables");
  } catch (const sys::SysError& error) {
    if (error.error() != ENOENT) throw;
  }
}

void Firewall::publish(const std::vector<PortMapping>& ports) {
  std::vector<Message> messages;
  for (const PortMapping& port : ports)
    messages.push_back(
        nft::addElements(firewallTable, mapOf(port), {{.key = keyOf(port), .data = targetOf(port)}}));
  netfilter_.commit(messages, "nftables");
}

void Firewall::claim(const std::vector<PortMapping>& ports) try {
  publish(ports);
} catch (const sys::SysError& error) {
  if (error.error() != EEXIST && error.error() != EBUSY) throw;
  for (const PortMapping& port : ports)
    if (leadsTo(port) != targetOf(port)) remove(port);
  publish(ports);
}

void Firewall::unpublish(const std::vector<PortMapping>& ports) {
  for (const PortMapping& port : ports)
    if (leadsTo(port) == targetOf(port)) remove(port);
}

std::string Firewall::leadsTo(const PortMapping& port) {
  Message message = nft::findElement(firewallTable, mapOf(port), keyOf(port));
  std::string target;
  netfilter_.get(message, "NFT_MSG_GETSETELEM",
                 [&](const Answer& answer) { target = nft::elementData(answer); });
  return target;
}

void Firewall::remove(const PortMapping& port) {
  Message message = nft::removeElement(firewallTable, mapOf(port), keyOf(port));
  try {
    netfilter_.commit({&message, 1}, "nftables");
  } catch (const sys::SysError& error) {
    if (error.error() != ENOENT) throw;
  }
}

void Firewall::removeTable() {
  Message message = nft::removeTable(firewallTable);
  try {
    netfilter_.commit({&message, 1}, "nftables");
  } catch (const sys::SysError& error) {
    if (error.error() != ENOENT) throw;
  }
}

void redirectNameServer(int netns, uint16_t udpPort, uint16_t tcpPort) {
  const std::string table = "strake-names", chain = "output", address("\x7f\0\0\x0b", 4);
  std::vector<Message> messages;
  messages.push_back(nft::addTable(table, 0));
  messages.push_back(nft::addChain(table, chain, 0, nft::Hook{"nat", NF_INET_LOCAL_OUT, destinationNat}));
  for (const auto& [protocol, port] : {std::pair{IPPROTO_UDP, udpPort}, std::pair{IPPROTO_TCP, tcpPort}}) {
    messages.push_back(Rule(table, chain)
                           .isFamily(AF_INET)
                           .isDestination(address, std::string(4, '\xff'))
                           .isProtocol(static_cast<uint8_t>(protocol))
                           .isDestinationPort(53)
                           .translateTo(address, port)
                           .message());
  }
  Netlink(NETLINK_NETFILTER, netns).commit(messages, "nftables");
}

}  // namespace strake::net
