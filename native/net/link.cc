#include "net/link.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include "sys/error.h"

namespace strake::net {

namespace {

constexpr uint16_t addressGeneration = 8;  // IFLA_INET6_ADDR_GEN_MODE
constexpr uint8_t generateNone = 1;        // IN6_ADDR_GEN_MODE_NONE
constexpr uint16_t isolatedPort = 33;      // IFLA_BRPORT_ISOLATED

Message newLink(uint16_t flags, int index = 0) {
  Message message(RTM_NEWLINK, flags);
  ifinfomsg info{};
  info.ifi_family = AF_UNSPEC;
  info.ifi_index = index;
  message.body(info);
  return message;
}

Link linkOf(const Answer& answer) {
  const auto info = answer.body<ifinfomsg>();
  Link link;
  link.index = info.ifi_index;
  link.isUp = (info.ifi_flags & IFF_UP) != 0;
  Attributes attributes(answer.attributes<ifinfomsg>());
  for (Attribute attribute; attributes.next(attribute);) {
    if (attribute.type == IFLA_IFNAME) link.name = attribute.text();
    if (attribute.type == IFLA_MTU) link.mtu = attribute.as<uint32_t>();
    if (attribute.type == IFLA_IFALIAS) link.alias = attribute.text();
    if (attribute.type == IFLA_ADDRESS) link.mac = attribute.value;
    if (attribute.type == IFLA_LINKINFO) link.kind = Attributes::find(attribute.value, IFLA_INFO_KIND).text();
  }
  return link;
}

ifaddrmsg addressBody(int index, const IpPrefix& address) {
  ifaddrmsg body{};
  body.ifa_family = static_cast<uint8_t>(address.address.family());
  body.ifa_prefixlen = static_cast<uint8_t>(address.length);
  body.ifa_flags = address.address.isV4() ? 0 : IFA_F_NODAD;
  body.ifa_index = static_cast<uint32_t>(index);
  return body;
}

std::string textOf(const IpPrefix& address) {
  return "address " + address.address.text() + "/" + std::to_string(address.length);
}

Message defaultRoute(uint16_t type, uint16_t flags, int index, const Ip& gateway) {
  Message message(type, flags);
  rtmsg body{};
  body.rtm_family = static_cast<uint8_t>(gateway.family());
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  message.body(body).attribute(RTA_GATEWAY, gateway.bytes()).u32(RTA_OIF, static_cast<uint32_t>(index));
  return std::move(message.about("default route by way of " + gateway.text()));
}

Message dumpOf(uint16_t type, int family) {
  Message message(type, 0);
  rtmsg body{};
  body.rtm_family = static_cast<uint8_t>(family);
  message.body(body).about("routes");
  return message;
}

}  // namespace

std::optional<Link> findLink(Netlink& route, const std::string& name) {
  Message message(RTM_GETLINK, 0);
  message.body(ifinfomsg{}).text(IFLA_IFNAME, name).about("interface " + name);
  std::optional<Link> found;
  route.get(message, "RTM_GETLINK", [&](const Answer& answer) { found = linkOf(answer); });
  return found;
}

Message makeBridge(const std::string& name, const std::string& mac, unsigned mtu) {
  Message message = newLink(NLM_F_CREATE | NLM_F_EXCL);
  message.text(IFLA_IFNAME, name);
  message.attribute(IFLA_ADDRESS, mac);
  message.u32(IFLA_MTU, mtu);
  message.nest(IFLA_LINKINFO | NLA_F_NESTED, [](Message& info) { info.text(IFLA_INFO_KIND, "bridge"); });
  return std::move(message.about("bridge " + name));
}

Message setAlias(const std::string& name, const std::string& alias) {
  Message message = newLink(0);
  return std::move(message.text(IFLA_IFNAME, name).text(IFLA_IFALIAS, alias).about("interface " + name));
}

Message makeVeth(const VethPair& pair) {
  Message message = newLink(NLM_F_CREATE | NLM_F_EXCL);
  message.text(IFLA_IFNAME, pair.name);
  message.u32(IFLA_MTU, pair.mtu);
  message.u32(IFLA_MASTER, static_cast<uint32_t>(pair.bridge));
  message.nest(IFLA_LINKINFO | NLA_F_NESTED, [&](Message& info) {
    info.text(IFLA_INFO_KIND, "veth");
    info.nest(IFLA_INFO_DATA | NLA_F_NESTED, [&](Message& data) {
      data.nest(VETH_INFO_PEER | NLA_F_NESTED, [&](Message& peer) {
        peer.body(ifinfomsg{});
        peer.text(IFLA_IFNAME, pair.peerName);
        peer.attribute(IFLA_ADDRESS, pair.peerMac);
        peer.u32(IFLA_MTU, pair.mtu);
        peer.u32(IFLA_NET_NS_FD, static_cast<uint32_t>(pair.netns));
      });
    });
  });
  return std::move(message.about("veth " + pair.name + " and " + pair.peerName));
}

Message makeMacvlan(const std::string& name, int parent, int netns, const std::string& mac, uint32_t mode,
                    unsigned mtu) {
  Message message = newLink(NLM_F_CREATE | NLM_F_EXCL);
  message.text(IFLA_IFNAME, name);
  message.u32(IFLA_LINK, static_cast<uint32_t>(parent));
  message.u32(IFLA_NET_NS_FD, static_cast<uint32_t>(netns));
  message.attribute(IFLA_ADDRESS, mac);
  if (mtu > 0) message.u32(IFLA_MTU, mtu);
  message.nest(IFLA_LINKINFO | NLA_F_NESTED, [&](Message& info) {
    info.text(IFLA_INFO_KIND, "macvlan");
    info.nest(IFLA_INFO_DATA | NLA_F_NESTED, [&](Message& data) { data.u32(IFLA_MACVLAN_MODE, mode); });
  });
  return std::move(message.about("macvlan " + name));
}

Message renameLink(int index, const std::string& name) {
  Message message = newLink(0, index);
  return std::move(message.text(IFLA_IFNAME, name).about("interface " + name));
}

Message bringUp(const std::string& name, bool noIpv6) {
  Message message(RTM_NEWLINK, 0);
  ifinfomsg info{};
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  message.body(info).text(IFLA_IFNAME, name);
  if (noIpv6) {
    message.nest(IFLA_AF_SPEC | NLA_F_NESTED, [](Message& families) {
      families.nest(AF_INET6 | NLA_F_NESTED,
                    [](Message& inet6) { inet6.u8(addressGeneration, generateNone); });
    });
  }
  return std::move(message.about("interface " + name));
}

Message removeLink(const std::string& name) {
  Message message(RTM_DELLINK, 0);
  message.body(ifinfomsg{}).text(IFLA_IFNAME, name).about("interface " + name);
  return message;
}

Message bringPortUp(const std::string& name, bool isolated) {
  Message message = bringUp(name, true);
  message.nest(IFLA_LINKINFO | NLA_F_NESTED, [&](Message& info) {
    info.text(IFLA_INFO_SLAVE_KIND, "bridge");
    info.nest(IFLA_INFO_SLAVE_DATA | NLA_F_NESTED, [&](Message& port) {
      port.u8(IFLA_BRPORT_MODE, 1);
      if (isolated) port.u8(isolatedPort, 1);
    });
  });
  return message;
}

Message addAddress(int index, const IpPrefix& address) {
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  message.body(addressBody(index, address));
  message.attribute(IFA_LOCAL, address.address.bytes());
  message.attribute(IFA_ADDRESS, address.address.bytes());
  return std::move(message.about(textOf(address)));
}

Message removeAddress(int index, const IpPrefix& address) {
  Message message(RTM_DELADDR, 0);
  message.body(addressBody(index, address));
  message.attribute(IFA_LOCAL, address.address.bytes());
  return std::move(message.about(textOf(address)));
}

std::vector<IpPrefix> addressesOf(Netlink& route, int index) {
  Message message(RTM_GETADDR, 0);
  message.body(ifaddrmsg{}).about("addresses");
  std::vector<IpPrefix> found;
  route.dump(message, "RTM_GETADDR", [&](const Answer& answer) {
    const auto body = answer.body<ifaddrmsg>();
    if (static_cast<int>(body.ifa_index) != index) return;
    const Attribute address = Attributes::find(answer.attributes<ifaddrmsg>(), IFA_ADDRESS);
    found.push_back({Ip::of(body.ifa_family, address.value), body.ifa_prefixlen});
  });
  return found;
}

std::vector<Ip> localAddresses(Netlink& route) {
  Message message(RTM_GETADDR, 0);
  message.body(ifaddrmsg{}).about("addresses");
  std::vector<Ip> found;
  route.dump(message, "RTM_GETADDR", [&](const Answer& answer) {
    const std::string_view attributes = answer.attributes<ifaddrmsg>();
    Attribute address = Attributes::find(attributes, IFA_LOCAL);  // of IPv4; else IFA_ADDRESS
    if (address.value.data() == nullptr) address = Attributes::find(attributes, IFA_ADDRESS);
    found.push_back(Ip::of(answer.body<ifaddrmsg>().ifa_family, address.value));
  });
  return found;
}

Message addDefaultRoute(int index, const Ip& gateway) {
  return defaultRoute(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, index, gateway);
}

Message removeDefaultRoute(int index, const Ip& gateway) {
  return defaultRoute(RTM_DELROUTE, 0, index, gateway);
}

std::vector<IpPrefix> routedSubnets(Netlink& route) {
  std::vector<IpPrefix> subnets;
  for (const int family : {AF_INET, AF_INET6}) {
    Message message = dumpOf(RTM_GETROUTE, family);
    route.dump(message, "RTM_GETROUTE", [&](const Answer& answer) {
      const auto body = answer.body<rtmsg>();
      const bool matters = body.rtm_table == RT_TABLE_MAIN && body.rtm_type == RTN_UNICAST;
      const Attribute to = Attributes::find(answer.attributes<rtmsg>(), RTA_DST);
      if (matters && to.value.data() != nullptr)
        subnets.push_back({Ip::of(body.rtm_family, to.value), body.rtm_dst_len});
    });
  }
  return subnets;
}

std::vector<int> defaultRouteLinks(Netlink& route) {
  std::vector<int> links;
  for (const int family : {AF_INET, AF_INET6}) {
    Message message = dumpOf(RTM_GETROUTE, family);
    route.dump(message, "RTM_GETROUTE", [&](const Answer& answer) {
      const auto body = answer.body<rtmsg>();
      if (body.rtm_dst_len != 0 || body.rtm_type != RTN_UNICAST) return;
      const Attribute out = Attributes::find(answer.attributes<rtmsg>(), RTA_OIF);
      if (out.value.data() != nullptr) links.push_back(out.as<int>());
    });
  }
  return links;
}

}  // namespace strake::net
