// nftables by nfnetlink (linux/netfilter/nf_tables.h), as far as it is needed here: tables of family inet,
// chains, maps and their elements, and rules out of a few expressions. Everything is a message for one
// transaction (Netlink::commit). Kernel 5.7 and later.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/message.h"
#include "net/netlink.h"

namespace strake::net::nft {

/// A 32-bit register; longer values lie in those that follow.
using Register = uint32_t;
inline constexpr Register first = 8;  // NFT_REG32_00

/// What nft(8) shows a value as; several make a concatenation.
enum class Type : uint32_t { ipv4 = 7, ipv6 = 8, protocol = 12, port = 13, interface = 41 };

/// What a chain hangs on: where in a packet's way (NF_INET_*), and before or after whom.
struct Hook {
  const char* type;  // "nat", "filter"
  uint32_t number;
  int32_t priority;
};

struct Verdict {
  int32_t code;  // NF_ACCEPT, NFT_JUMP …
  std::string chain = {};
};
Verdict jumpTo(const std::string& chain);
Verdict accepted();
Verdict dropped();
Verdict returned();

struct Map {
  std::string name;
  std::vector<Type> key;
  std::vector<Type> data;  // empty: verdicts
};

/// Bytes as they lie in registers: each part is padded to four bytes.
std::string concatenated(std::initializer_list<std::string_view> parts);
/// A name as a key of type interface.
std::string interfaceKey(const std::string& name);

/// `flags`: NLM_F_EXCL makes the transaction fail with EEXIST where there is one already.
Message addTable(const std::string& table, uint16_t flags);
Message removeTable(const std::string& table);
Message addChain(const std::string& table, const std::string& chain, uint16_t flags,
                 const std::optional<Hook>& hook = std::nullopt);
Message removeChain(const std::string& table, const std::string& chain);
Message findChain(const std::string& table, const std::string& chain);
Message addMap(const std::string& table, const Map& map, uint32_t id);

struct Element {
  std::string key;
  std::string data = {};
  std::optional<Verdict> verdict = std::nullopt;
};
Message addElements(const std::string& table, const std::string& map, const std::vector<Element>& elements);
Message removeElement(const std::string& table, const std::string& map, const std::string& key);
Message findElement(const std::string& table, const std::string& map, const std::string& key);
/// What the element maps to, by findElement's answer, which is borrowed; empty: a verdict, or nothing.
std::string_view elementData(const Answer& answer);

/// A rule at the end of a chain: its expressions are evaluated from left to right, until one does not match.
class Rule {
 public:
  Rule(std::string table, std::string chain) : table_(std::move(table)), chain_(std::move(chain)) {}

  Rule& isFamily(int family);                                  // AF_INET, AF_INET6
  Rule& isFrom(const std::string& interface, bool is = true);  // iifname
  Rule& isTo(const std::string& interface, bool is = true);    // oifname
  Rule& isToThisHost();                                        // fib daddr type local
  Rule& isProtocol(uint8_t protocol);                          // meta l4proto
  Rule& isSource(std::string_view address, std::string_view mask);
  Rule& isDestination(std::string_view address, std::string_view mask);
  Rule& isDestinationPort(uint16_t port);
  Rule& hasState(uint32_t states);   // ct state: NF_CT_STATE_BIT(…)
  Rule& hasStatus(uint32_t status);  // ct status: IPS_*

  Rule& loadProtocol(Register to);
  Rule& loadDestination(int family, Register to);
  Rule& loadDestinationPort(Register to);
  Rule& lookUp(const std::string& map, Register key, Register data);
  /// What a verdict map says of the interface that a packet comes from, or goes to.
  Rule& decideByOrigin(const std::string& map);
  Rule& decideByOutput(const std::string& map);

  Rule& translateDestination(int family, Register address, Register port);
  Rule& translateTo(std::string_view address, uint16_t port);
  Rule& masquerade();
  Rule& then(const Verdict& verdict);

  Message message() const;

 private:
  template <typename Fill>
  Rule& expression(const char* name, Fill fill);
  Rule& compare(Register reg, uint32_t operation, std::string_view value);
  Rule& load(const char* name, uint32_t key, Register to);
  Rule& loadPayload(uint32_t base, uint32_t offset, uint32_t size, Register to);
  Rule& mask(Register reg, std::string_view mask);

  std::string table_, chain_;
  std::vector<std::string> expressions_;
};

}  // namespace strake::net::nft
