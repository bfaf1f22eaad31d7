#include "monitor/name_message.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

namespace strake::monitor {

namespace {

constexpr size_t headerSize = 12;
constexpr size_t longestName = 255, longestLabel = 63;
constexpr uint16_t response = 0x8000, authoritative = 0x0400, cut = 0x0200, recursionDesired = 0x0100,
                   recursionAvailable = 0x0080;
constexpr uint16_t optType = 41, internet = 1;
constexpr uint32_t timeToLive = 5;  // seconds: containers come and go
constexpr uint16_t pointerToQuestion = 0xc000 | headerSize;

uint16_t numberAt(std::string_view message, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned char>(message[at]) << 8 |
                               static_cast<unsigned char>(message[at + 1]));
}

void append(std::string& message, uint16_t number) {
  message.push_back(static_cast<char>(number >> 8));
  message.push_back(static_cast<char>(number & 0xff));
}

void put(std::string& message, size_t at, uint16_t number) {
  message[at] = static_cast<char>(number >> 8);
  message[at + 1] = static_cast<char>(number & 0xff);
}

/// The name at `at`, which moves behind it. False: it is malformed. A question's name is never compressed.
bool readName(std::string_view message, size_t& at, std::string& name) {
  for (;;) {
    if (at >= message.size()) return false;
    const size_t length = static_cast<unsigned char>(message[at++]);
    if (length == 0) return true;
    if (length > longestLabel || at + length > message.size() || name.size() + length > longestName)
      return false;
    if (!name.empty()) name.push_back('.');
    for (const char letter : message.substr(at, length))
      name.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(letter))));
    at += length;
  }
}

std::string encodeName(const std::string& name) {
  std::string encoded;
  std::istringstream labels(name);
  for (std::string label; std::getline(labels, label, '.');) {
    label.resize(std::min(label.size(), longestLabel));
    encoded.push_back(static_cast<char>(label.size()));
    encoded += label;
  }
  encoded.push_back('\0');
  return encoded;
}

/// The OPT record behind a question is the only one that matters; one with a compressed name is no such.
void readEdns(std::string_view message, NameQuery& query) {
  const size_t at = query.questionEnd;
  if (numberAt(message, 10) == 0 || numberAt(message, 6) != 0 || numberAt(message, 8) != 0) return;
  if (at + 11 > message.size() || message[at] != 0 || numberAt(message, at + 1) != optType) return;
  query.hasEdns = true;
  query.udpSize = std::clamp<size_t>(numberAt(message, at + 3), smallestUdpAnswer, largestUdpAnswer);
}

/// Header and question, with no record.
std::string beginning(const NameQuery& query, std::string_view message, uint16_t flags) {
  std::string answer(message.substr(0, query.questionEnd));
  const uint16_t asked = query.recursionDesired ? recursionDesired : 0;
  put(answer, 2,
      static_cast<uint16_t>(response | recursionAvailable | asked | query.operation << 11 | flags));
  put(answer, 4, 1);
  for (const size_t count : {6, 8, 10}) put(answer, count, 0);
  return answer;
}

void addRecord(std::string& answer, uint16_t type, std::string_view data) {
  append(answer, pointerToQuestion);
  append(answer, type);
  append(answer, internet);
  append(answer, timeToLive >> 16);
  append(answer, timeToLive & 0xffff);
  append(answer, static_cast<uint16_t>(data.size()));
  answer += data;
}

void addEdns(std::string& answer, const NameQuery& query) {
  if (!query.hasEdns) return;
  answer.push_back('\0');
  append(answer, optType);
  append(answer, static_cast<uint16_t>(largestUdpAnswer));
  answer.append(6, '\0');
  put(answer, 10, 1);
}

net::Ip reversedV4(const std::string& digits) {
  int part[4];
  char rest = 0;
  if (std::sscanf(digits.c_str(), "%3d.%3d.%3d.%3d%c", part, part + 1, part + 2, part + 3, &rest) != 4)
    return {};
  std::string bytes;
  for (int n = 3; n >= 0; --n) {
    if (part[n] < 0 || part[n] > 255) return {};
    bytes.push_back(static_cast<char>(part[n]));
  }
  return net::Ip::of(AF_INET, bytes);
}

net::Ip reversedV6(const std::string& digits) {
  constexpr size_t nibbles = 32;
  if (digits.size() != 2 * nibbles - 1) return {};
  std::string bytes(nibbles / 2, '\0');
  for (size_t n = 0; n < nibbles; ++n) {
    const char digit = digits[2 * n];
    if (std::isxdigit(static_cast<unsigned char>(digit)) == 0 || (n > 0 && digits[2 * n - 1] != '.'))
      return {};
    const int value = std::isdigit(static_cast<unsigned char>(digit)) != 0 ? digit - '0' : digit - 'a' + 10;
    const size_t place = nibbles - 1 - n;
    bytes[place / 2] = static_cast<char>(bytes[place / 2] | value << (place % 2 == 0 ? 4 : 0));
  }
  return net::Ip::of(AF_INET6, bytes);
}

}  // namespace

std::optional<NameQuery> parseNameQuery(std::string_view message) {
  if (message.size() < headerSize) return std::nullopt;
  const uint16_t flags = numberAt(message, 2);
  if ((flags & response) != 0 || numberAt(message, 4) != 1) return std::nullopt;
  NameQuery query;
  query.id = numberAt(message, 0);
  query.recursionDesired = (flags & recursionDesired) != 0;
  query.operation = flags >> 11 & 0xf;
  size_t at = headerSize;
  if (!readName(message, at, query.name) || at + 4 > message.size()) return std::nullopt;
  query.type = numberAt(message, at);
  query.classNumber = numberAt(message, at + 2);
  query.questionEnd = at + 4;
  readEdns(message, query);
  return query;
}

std::string nameAnswer(const NameQuery& query, std::string_view message,
                       const std::vector<net::Ip>& addresses, const std::vector<std::string>& names,
                       size_t largest) {
  std::string answer = beginning(query, message, authoritative);
  uint16_t count = 0;
  for (const net::Ip& address : addresses) {
    const NameType type = address.isV4() ? NameType::a : NameType::aaaa;
    if (query.type != static_cast<uint16_t>(type) && query.type != static_cast<uint16_t>(NameType::any))
      continue;
    addRecord(answer, static_cast<uint16_t>(type), address.bytes());
    ++count;
  }
  for (const std::string& name : names) {
    addRecord(answer, static_cast<uint16_t>(NameType::ptr), encodeName(name));
    ++count;
  }
  put(answer, 6, count);
  addEdns(answer, query);
  return answer.size() <= largest ? answer : cutAnswer(query, answer);
}

std::string nameFailure(const NameQuery& query, std::string_view message, NameCode code) {
  std::string answer = beginning(query, message, static_cast<uint16_t>(code));
  addEdns(answer, query);
  return answer;
}

std::string formatFailure(std::string_view message) {
  if (message.size() < headerSize || (numberAt(message, 2) & response) != 0) return {};
  std::string answer(message.substr(0, headerSize));
  put(answer, 2, response | static_cast<uint16_t>(NameCode::formatError));
  for (const size_t count : {4, 6, 8, 10}) put(answer, count, 0);
  return answer;
}

net::Ip reversedAddress(const std::string& name) {
  const std::string v4 = ".in-addr.arpa", v6 = ".ip6.arpa";
  if (name.ends_with(v4)) return reversedV4(name.substr(0, name.size() - v4.size()));
  if (name.ends_with(v6)) return reversedV6(name.substr(0, name.size() - v6.size()));
  return {};
}

uint16_t messageId(std::string_view message) {
  return message.size() < 2 ? 0 : numberAt(message, 0);
}

void setMessageId(std::string& message, uint16_t id) {
  if (message.size() >= 2) put(message, 0, id);
}

std::string cutAnswer(const NameQuery& query, std::string_view answer) {
  std::string head(answer.substr(0, std::min(query.questionEnd, answer.size())));
  put(head, 2, static_cast<uint16_t>(numberAt(head, 2) | cut));
  for (const size_t count : {6, 8, 10}) put(head, count, 0);
  return head;
}

bool answersQuestion(std::string_view answer, std::string_view query, size_t questionEnd) {
  if (answer.size() < questionEnd || (numberAt(answer, 2) & response) == 0) return false;
  if (numberAt(answer, 4) != 1) return false;
  // The case of letters is the server's to keep or not.
  return std::equal(answer.begin() + headerSize, answer.begin() + static_cast<ptrdiff_t>(questionEnd),
                    query.begin() + headerSize, [](char left, char right) {
                      return std::tolower(static_cast<unsigned char>(left)) ==
                             std::tolower(static_cast<unsigned char>(right));
                    });
}

}  // namespace strake::monitor
