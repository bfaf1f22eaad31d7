// Messages of the domain name system (RFC 1035), as far as a server needs them that knows a few names and
// passes on the other questions. Everything in a message is somebody else's: nothing is read past its end.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/ip.h"

namespace strake::monitor {

enum class NameType : uint16_t { a = 1, ptr = 12, aaaa = 28, any = 255 };
enum class NameCode : uint8_t {
  ok = 0,
  formatError = 1,
  serverFailure = 2,
  noSuchName = 3,
  notImplemented = 4
};

inline constexpr size_t smallestUdpAnswer = 512;  // bytes that every client takes
inline constexpr size_t largestUdpAnswer = 4096;  // whatever the client says
inline constexpr size_t largestNameMessage = 65535;

/// A query with its one question.
struct NameQuery {
  uint16_t id = 0;
  bool recursionDesired = false;
  uint8_t operation = 0;
  std::string name;  // lower case, without the dot at its end
  uint16_t type = 0, classNumber = 0;
  size_t questionEnd = 0;  // where the question ends in the message
  bool hasEdns = false;
  size_t udpSize = smallestUdpAnswer;  // what the client takes (RFC 6891), within bounds
};

/// Nothing: it is no query, or there is none in it that could be answered.
std::optional<NameQuery> parseNameQuery(std::string_view message);

/// The answer with these addresses, of the question's type, or the names that a question for an address has.
/// Longer than `largest`: it says that it is cut, and has none.
std::string nameAnswer(const NameQuery& query, std::string_view message,
                       const std::vector<net::Ip>& addresses, const std::vector<std::string>& names,
                       size_t largest);
std::string nameFailure(const NameQuery& query, std::string_view message, NameCode code);
/// For a message with a readable header only.
std::string formatFailure(std::string_view message);

/// The address that a reverse name (4.3.2.1.in-addr.arpa, ….ip6.arpa) is of; none where it is no such name.
net::Ip reversedAddress(const std::string& name);

uint16_t messageId(std::string_view message);
void setMessageId(std::string& message, uint16_t id);
/// An answer that a client does not take as a whole: its head and question, marked as cut (RFC 1035 4.1.1).
std::string cutAnswer(const NameQuery& query, std::string_view answer);
/// Whether `answer` is one to the question of `query`.
bool answersQuestion(std::string_view answer, std::string_view query, size_t questionEnd);

}  // namespace strake::monitor
