// What connection tracking remembers of datagrams: ctnetlink (linux/netfilter/nfnetlink_conntrack.h).
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>

#include "net/firewall.h"
#include "sys/error.h"

namespace strake::net {

namespace {

// net/netfilter/nf_internals.h of the kernel (5.8): which parts of CTA_TUPLE_ORIG a dump is for.
constexpr uint32_t byProtocol = 1U << 3;

/// One direction of a flow.
struct Tuple {
  Ip source, destination;
  uint16_t sourcePort = 0, destinationPort = 0;
};

Message trackerMessage(uint16_t type, int family) {
  Message message((NFNL_SUBSYS_CTNETLINK << 8) | type, 0);
  message.body(nfgenmsg{.nfgen_family = static_cast<uint8_t>(family), .version = NFNETLINK_V0, .res_id = 0});
  return std::move(message.about("connection tracking"));
}

/// Those of UDP; a kernel before 5.8 answers all of them.
Message datagramFlows(int family) {
  Message message = trackerMessage(IPCTNL_MSG_CT_GET, family);
  message.nest(CTA_TUPLE_ORIG | NLA_F_NESTED, [](Message& tuple) {
    tuple.nest(CTA_TUPLE_PROTO | NLA_F_NESTED,
               [](Message& protocol) { protocol.u8(CTA_PROTO_NUM, IPPROTO_UDP); });
  });
  message.nest(CTA_FILTER | NLA_F_NESTED, [](Message& filter) {
    filter.u32(CTA_FILTER_ORIG_FLAGS, byProtocol);
    filter.u32(CTA_FILTER_REPLY_FLAGS, 0);
  });
  return message;
}

uint16_t portIn(std::string_view protocol, uint16_t type) {
  return ntohs(Attributes::find(protocol, type).as<uint16_t>());
}

/// Without ports: no datagrams'.
Tuple tupleOf(std::string_view bytes, int family) {
  const bool v4 = family == AF_INET;
  const std::string_view ip = Attributes::find(bytes, CTA_TUPLE_IP).value;
  const std::string_view protocol = Attributes::find(bytes, CTA_TUPLE_PROTO).value;
  const auto address = [&](uint16_t type) {
    const std::string_view value = Attributes::find(ip, type).value;
    return value.size() == (v4 ? 4U : 16U) ? Ip::of(family, value) : Ip();
  };
  Tuple tuple{.source = address(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC),
              .destination = address(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST)};
  if (Attributes::find(protocol, CTA_PROTO_NUM).as<uint8_t>() != IPPROTO_UDP) return tuple;
  tuple.sourcePort = portIn(protocol, CTA_PROTO_SRC_PORT);
  tuple.destinationPort = portIn(protocol, CTA_PROTO_DST_PORT);
  return tuple;
}

bool concerns(const PortMapping& port, const Tuple& asked, const Tuple& answered,
              const std::vector<Ip>& hostAddresses) {
  if (port.protocol != IPPROTO_UDP) return false;
  if (answered.source == port.container && answered.sourcePort == port.containerPort) return true;
  if (asked.destinationPort != port.hostPort) return false;
  if (!port.host.isAny()) return asked.destination == port.host;
  return std::ranges::find(hostAddresses, asked.destination) != hostAddresses.end();
}

}  // namespace

void Firewall::forgetDatagrams(const std::vector<PortMapping>& ports,
                               const std::vector<Ip>& hostAddresses) try {
  if (std::ranges::none_of(ports, [](const PortMapping& one) { return one.protocol == IPPROTO_UDP; })) return;
  std::vector<Message> removals;
  for (const int family : {AF_INET, AF_INET6}) {
    Message request = datagramFlows(family);
    netfilter_.dump(request, "IPCTNL_MSG_CT_GET", [&](const Answer& answer) {
      const std::string_view attributes = answer.attributes<nfgenmsg>();
      const Attribute asked = Attributes::find(attributes, CTA_TUPLE_ORIG);
      const Tuple there = tupleOf(asked.value, family);
      const Tuple back = tupleOf(Attributes::find(attributes, CTA_TUPLE_REPLY).value, family);
      if (std::ranges::none_of(
              ports, [&](const PortMapping& port) { return concerns(port, there, back, hostAddresses); }))
        return;
      removals.push_back(trackerMessage(IPCTNL_MSG_CT_DELETE, family));
      removals.back().attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, asked.value);
    });
  }
  netfilter_.requestAll(removals, "IPCTNL_MSG_CT_DELETE");
} catch (const sys::SysError&) {
  // One has just ended, or the kernel has no ctnetlink.
}

}  // namespace strake::net
