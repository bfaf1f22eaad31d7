#include "net/nftables.h"

#include <netinet/in.h>
// Before the kernel's own, which then leaves out what it has in common.

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <cstring>

namespace strake::net::nft {

namespace {

constexpr uint32_t typeBits = 6;  // of one part of a concatenated type
constexpr size_t interfaceSize = 16;

Message request(uint16_t type, uint16_t flags) {
  Message message(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags);
  message.body(nfgenmsg{.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0, .res_id = 0});
  return message;
}

uint32_t sizeOf(Type type) {
  switch (type) {
    case Type::ipv6:
      return 16;
    case Type::interface:
      return interfaceSize;
    default:
      return 4;  // padded
  }
}

uint32_t sizeOf(const std::vector<Type>& parts) {
  uint32_t size = 0;
  for (const Type part : parts) size += sizeOf(part);
  return size;
}

uint32_t typeOf(const std::vector<Type>& parts) {
  uint32_t type = 0;
  for (const Type part : parts) type = type << typeBits | static_cast<uint32_t>(part);
  return type;
}

void addVerdict(Message& data, const Verdict& verdict) {
  data.nest(NFTA_DATA_VERDICT | NLA_F_NESTED, [&](Message& inner) {
    inner.big32(NFTA_VERDICT_CODE, static_cast<uint32_t>(verdict.code));
    if (!verdict.chain.empty()) inner.text(NFTA_VERDICT_CHAIN, verdict.chain);
  });
}

void addElement(Message& list, const Element& element) {
  list.nest(NFTA_LIST_ELEM | NLA_F_NESTED, [&](Message& inner) {
    inner.nest(NFTA_SET_ELEM_KEY | NLA_F_NESTED,
               [&](Message& key) { key.attribute(NFTA_DATA_VALUE, element.key); });
    if (!element.verdict && element.data.empty()) return;
    inner.nest(NFTA_SET_ELEM_DATA | NLA_F_NESTED, [&](Message& data) {
      if (element.verdict)
        addVerdict(data, *element.verdict);
      else
        data.attribute(NFTA_DATA_VALUE, element.data);
    });
  });
}

Message elementsMessage(uint16_t type, uint16_t flags, const std::string& table, const std::string& map,
                        const std::vector<Element>& elements) {
  Message message = request(type, flags);
  message.text(NFTA_SET_ELEM_LIST_TABLE, table);
  message.text(NFTA_SET_ELEM_LIST_SET, map);
  message.nest(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, [&](Message& list) {
    for (const Element& element : elements) addElement(list, element);
  });
  return std::move(message.about("map " + map + " of table " + table));
}

/// A value in host byte order, as registers have it.
std::string hostOrder(uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

Verdict jumpTo(const std::string& chain) {
  return {NFT_JUMP, chain};
}

Verdict accepted() {
  return {NF_ACCEPT};
}

Verdict dropped() {
  return {NF_DROP};
}

Verdict returned() {
  return {NFT_RETURN};
}

std::string concatenated(std::initializer_list<std::string_view> parts) {
  std::string value;
  for (const std::string_view part : parts) {
    value += part;
    value.resize(NLA_ALIGN(value.size()));
  }
  return value;
}

std::string interfaceKey(const std::string& name) {
  std::string key(name);
  key.resize(interfaceSize);
  return key;
}

Message addTable(const std::string& table, uint16_t flags) {
  Message message = request(NFT_MSG_NEWTABLE, NLM_F_CREATE | flags);
  message.text(NFTA_TABLE_NAME, table).about("table inet " + table);
  return message;
}

Message removeTable(const std::string& table) {
  Message message = request(NFT_MSG_DELTABLE, 0);
  message.text(NFTA_TABLE_NAME, table).about("table inet " + table);
  return message;
}

Message addChain(const std::string& table, const std::string& chain, uint16_t flags,
                 const std::optional<Hook>& hook) {
  Message message = request(NFT_MSG_NEWCHAIN, NLM_F_CREATE | flags);
  message.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, chain).about("chain " + chain);
  if (!hook) return message;
  message.nest(NFTA_CHAIN_HOOK | NLA_F_NESTED, [&](Message& inner) {
    inner.big32(NFTA_HOOK_HOOKNUM, hook->number);
    inner.big32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(hook->priority));
  });
  message.big32(NFTA_CHAIN_POLICY, NF_ACCEPT);
  message.text(NFTA_CHAIN_TYPE, hook->type);
  return message;
}

Message removeChain(const std::string& table, const std::string& chain) {
  Message message = request(NFT_MSG_DELCHAIN, 0);
  message.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, chain).about("chain " + chain);
  return message;
}

Message findChain(const std::string& table, const std::string& chain) {
  Message message = request(NFT_MSG_GETCHAIN, 0);
  message.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, chain).about("chain " + chain);
  return message;
}

Message addMap(const std::string& table, const Map& map, uint32_t id) {
  Message message = request(NFT_MSG_NEWSET, NLM_F_CREATE);
  message.text(NFTA_SET_TABLE, table).text(NFTA_SET_NAME, map.name).about("map " + map.name);
  message.big32(NFTA_SET_FLAGS, NFT_SET_MAP);
  message.big32(NFTA_SET_KEY_TYPE, typeOf(map.key));
  message.big32(NFTA_SET_KEY_LEN, sizeOf(map.key));
  message.big32(NFTA_SET_DATA_TYPE, map.data.empty() ? uint32_t{NFT_DATA_VERDICT} : typeOf(map.data));
  if (!map.data.empty()) message.big32(NFTA_SET_DATA_LEN, sizeOf(map.data));
  message.big32(NFTA_SET_ID, id);
  return message;
}

Message addElements(const std::string& table, const std::string& map, const std::vector<Element>& elements) {
  return elementsMessage(NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, map, elements);
}

Message removeElement(const std::string& table, const std::string& map, const std::string& key) {
  return elementsMessage(NFT_MSG_DELSETELEM, 0, table, map, {Element{.key = key}});
}

Message findElement(const std::string& table, const std::string& map, const std::string& key) {
  return elementsMessage(NFT_MSG_GETSETELEM, 0, table, map, {Element{.key = key}});
}

std::string_view elementData(const Answer& answer) {
  std::string_view attributes = answer.attributes<nfgenmsg>();
  constexpr uint16_t path[] = {NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_LIST_ELEM, NFTA_SET_ELEM_DATA,
                               NFTA_DATA_VALUE};
  for (const uint16_t type : path) attributes = Attributes::find(attributes, type).value;
  return attributes;
}

/// An expression is put together in a message of its own, of which its attributes are kept.
template <typename Fill>
Rule& Rule::expression(const char* name, Fill fill) {
  Message message(0, 0);
  message.nest(NFTA_LIST_ELEM | NLA_F_NESTED, [&](Message& element) {
    element.text(NFTA_EXPR_NAME, name);
    element.nest(NFTA_EXPR_DATA | NLA_F_NESTED, fill);
  });
  expressions_.emplace_back(message.bytes().substr(NLMSG_HDRLEN));
  return *this;
}

Rule& Rule::compare(Register reg, uint32_t operation, std::string_view value) {
  return expression("cmp", [&](Message& data) {
    data.big32(NFTA_CMP_SREG, reg);
    data.big32(NFTA_CMP_OP, operation);
    data.nest(NFTA_CMP_DATA | NLA_F_NESTED, [&](Message& inner) { inner.attribute(NFTA_DATA_VALUE, value); });
  });
}

Rule& Rule::load(const char* name, uint32_t key, Register to) {
  // meta and ct number their attributes alike: destination 1 and key 2.
  static_assert(int{NFTA_META_DREG} == int{NFTA_CT_DREG} && int{NFTA_META_KEY} == int{NFTA_CT_KEY});
  return expression(name, [&](Message& data) {
    data.big32(NFTA_META_KEY, key);
    data.big32(NFTA_META_DREG, to);
  });
}

Rule& Rule::loadPayload(uint32_t base, uint32_t offset, uint32_t size, Register to) {
  return expression("payload", [&](Message& data) {
    data.big32(NFTA_PAYLOAD_DREG, to);
    data.big32(NFTA_PAYLOAD_BASE, base);
    data.big32(NFTA_PAYLOAD_OFFSET, offset);
    data.big32(NFTA_PAYLOAD_LEN, size);
  });
}

Rule& Rule::mask(Register reg, std::string_view mask) {
  const std::string none(mask.size(), '\0');
  return expression("bitwise", [&](Message& data) {
    data.big32(NFTA_BITWISE_SREG, reg);
    data.big32(NFTA_BITWISE_DREG, reg);
    data.big32(NFTA_BITWISE_LEN, static_cast<uint32_t>(mask.size()));
    data.nest(NFTA_BITWISE_MASK | NLA_F_NESTED,
              [&](Message& inner) { inner.attribute(NFTA_DATA_VALUE, mask); });
    data.nest(NFTA_BITWISE_XOR | NLA_F_NESTED,
              [&](Message& inner) { inner.attribute(NFTA_DATA_VALUE, none); });
  });
}

Rule& Rule::isFamily(int family) {
  const char number = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
  return load("meta", NFT_META_NFPROTO, first).compare(first, NFT_CMP_EQ, {&number, 1});
}

Rule& Rule::isFrom(const std::string& interface, bool is) {
  return load("meta", NFT_META_IIFNAME, first)
      .compare(first, is ? NFT_CMP_EQ : NFT_CMP_NEQ, interfaceKey(interface));
}

Rule& Rule::isTo(const std::string& interface, bool is) {
  return load("meta", NFT_META_OIFNAME, first)
      .compare(first, is ? NFT_CMP_EQ : NFT_CMP_NEQ, interfaceKey(interface));
}

Rule& Rule::isToThisHost() {
  expression("fib", [](Message& data) {
    data.big32(NFTA_FIB_DREG, first);
    data.big32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    data.big32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
  constexpr uint32_t local = 2;  // RTN_LOCAL
  return compare(first, NFT_CMP_EQ, hostOrder(local));
}

Rule& Rule::isProtocol(uint8_t protocol) {
  const char number = static_cast<char>(protocol);
  return loadProtocol(first).compare(first, NFT_CMP_EQ, {&number, 1});
}

Rule& Rule::isSource(std::string_view address, std::string_view mask) {
  const bool v4 = address.size() == 4;
  loadPayload(NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, v4 ? 4 : 16, first);
  return this->mask(first, mask).compare(first, NFT_CMP_EQ, address);
}

Rule& Rule::isDestination(std::string_view address, std::string_view mask) {
  loadDestination(address.size() == 4 ? AF_INET : AF_INET6, first);
  return this->mask(first, mask).compare(first, NFT_CMP_EQ, address);
}

Rule& Rule::isDestinationPort(uint16_t port) {
  const uint16_t number = htons(port);
  return loadDestinationPort(first).compare(first, NFT_CMP_EQ,
                                            {reinterpret_cast<const char*>(&number), sizeof number});
}

Rule& Rule::hasState(uint32_t states) {
  return load("ct", NFT_CT_STATE, first)
      .mask(first, hostOrder(states))
      .compare(first, NFT_CMP_NEQ, hostOrder(0));
}

Rule& Rule::hasStatus(uint32_t status) {
  return load("ct", NFT_CT_STATUS, first)
      .mask(first, hostOrder(status))
      .compare(first, NFT_CMP_NEQ, hostOrder(0));
}

Rule& Rule::loadProtocol(Register to) {
  return load("meta", NFT_META_L4PROTO, to);
}

Rule& Rule::loadDestination(int family, Register to) {
  return family == AF_INET ? loadPayload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, to)
                           : loadPayload(NFT_PAYLOAD_NETWORK_HEADER, 24, 16, to);
}

Rule& Rule::loadDestinationPort(Register to) {
  return loadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, to);
}

Rule& Rule::lookUp(const std::string& map, Register key, Register data) {
  return expression("lookup", [&](Message& inner) {
    inner.text(NFTA_LOOKUP_SET, map);
    inner.big32(NFTA_LOOKUP_SREG, key);
    inner.big32(NFTA_LOOKUP_DREG, data);
  });
}

Rule& Rule::decideByOrigin(const std::string& map) {
  return load("meta", NFT_META_IIFNAME, first).lookUp(map, first, NFT_REG_VERDICT);
}

Rule& Rule::decideByOutput(const std::string& map) {
  return load("meta", NFT_META_OIFNAME, first).lookUp(map, first, NFT_REG_VERDICT);
}

Rule& Rule::translateDestination(int family, Register address, Register port) {
  return expression("nat", [&](Message& data) {
    data.big32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
    data.big32(NFTA_NAT_FAMILY, family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
    data.big32(NFTA_NAT_REG_ADDR_MIN, address);
    data.big32(NFTA_NAT_REG_PROTO_MIN, port);
  });
}

Rule& Rule::translateTo(std::string_view address, uint16_t port) {
  const auto immediate = [&](Register reg, std::string_view value) {
    expression("immediate", [&](Message& data) {
      data.big32(NFTA_IMMEDIATE_DREG, reg);
      data.nest(NFTA_IMMEDIATE_DATA | NLA_F_NESTED,
                [&](Message& inner) { inner.attribute(NFTA_DATA_VALUE, value); });
    });
  };
  const uint16_t number = htons(port);
  const Register behind = first + static_cast<Register>(address.size() / 4);
  immediate(first, address);
  immediate(behind, {reinterpret_cast<const char*>(&number), sizeof number});
  return translateDestination(address.size() == 4 ? AF_INET : AF_INET6, first, behind);
}

Rule& Rule::masquerade() {
  return expression("masq", [](Message&) {});
}

Rule& Rule::then(const Verdict& verdict) {
  return expression("immediate", [&](Message& data) {
    data.big32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data.nest(NFTA_IMMEDIATE_DATA | NLA_F_NESTED, [&](Message& inner) { addVerdict(inner, verdict); });
  });
}

Message Rule::message() const {
  Message message = request(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  message.text(NFTA_RULE_TABLE, table_).text(NFTA_RULE_CHAIN, chain_).about("rule of chain " + chain_);
  std::string all;
  for (const std::string& expression : expressions_) {
    all.resize(NLA_ALIGN(all.size()));
    all += expression;
  }
  message.attribute(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, all);
  return message;
}

}  // namespace strake::net::nft
