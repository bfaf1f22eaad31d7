// What a name server reads and writes, without a network.
#include <gtest/gtest.h>

#include <random>

#include "monitor/name_message.h"

namespace strake::monitor {
namespace {

constexpr uint16_t aType = 1, ptrType = 12, aaaaType = 28;

std::string question(const std::string& name, uint16_t type, bool edns = false) {
  std::string message("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  if (edns) message[11] = 1;
  size_t at = 0;
  while (at <= name.size()) {
    const size_t dot = std::min(name.find('.', at), name.size());
    message.push_back(static_cast<char>(dot - at));
    message += name.substr(at, dot - at);
    at = dot + 1;
  }
  message.push_back('\0');
  message += {static_cast<char>(type >> 8), static_cast<char>(type), 0, 1};
  if (edns) message += std::string("\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00", 11);
  return message;
}

TEST(NameMessage, aQuestionIsReadWithWhatTheClientTakes) {
  const auto plain = parseNameQuery(question("WEB.Front", aType));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "web.front");
  EXPECT_EQ(plain->type, aType);
  EXPECT_EQ(plain->udpSize, 512U);
  const auto edns = parseNameQuery(question("web", aaaaType, true));
  ASSERT_TRUE(edns);
  EXPECT_EQ(edns->udpSize, 1232U);
}

TEST(NameMessage, anAnswerHasTheAddressesOfItsTypeAndFitsTheQuestion) {
  const std::string message = question("web", aType);
  const auto query = *parseNameQuery(message);
  const std::vector<net::Ip> addresses = {net::Ip::parse("10.0.0.2"), net::Ip::parse("fd00::2")};
  const std::string answer = nameAnswer(query, message, addresses, {}, 512);
  EXPECT_TRUE(answersQuestion(answer, message, query.questionEnd));
  EXPECT_EQ(answer.size(), message.size() + 16);
  EXPECT_TRUE(answer.ends_with(std::string("\x0a\0\0\x02", 4)));
  EXPECT_EQ(static_cast<unsigned char>(answer[2]) & 0x80, 0x80);
}

TEST(NameMessage, whatDoesNotFitIsCutAndSaysSo) {
  const std::string message = question("web", aType);
  const auto query = *parseNameQuery(message);
  const std::vector<net::Ip> many(100, net::Ip::parse("10.0.0.2"));
  const std::string answer = nameAnswer(query, message, many, {}, query.udpSize);
  EXPECT_LE(answer.size(), 512U);
  EXPECT_EQ(answer[2] & 0x02, 0x02);
  EXPECT_EQ(answer[7], 0);
}

TEST(NameMessage, reverseNamesAreAddresses) {
  EXPECT_EQ(reversedAddress("2.0.18.172.in-addr.arpa"), net::Ip::parse("172.18.0.2"));
  EXPECT_EQ(reversedAddress("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"),
            net::Ip::parse("fd00::2"));
  for (const char* name :
       {"in-addr.arpa", "1.2.3.in-addr.arpa", "1.2.3.400.in-addr.arpa", "x.ip6.arpa", "web"})
    EXPECT_FALSE(reversedAddress(name)) << name;
  const std::string message = question("2.0.18.172.in-addr.arpa", ptrType);
  const std::string answer = nameAnswer(*parseNameQuery(message), message, {}, {"web.front"}, 512);
  EXPECT_TRUE(
      answer.ends_with(std::string("\x03web\x05"
                                   "front\0",
                                   11)));
}

TEST(NameMessage, malformedQuestionsAreNone) {
  const std::string whole = question("web.front", aType, true);
  for (size_t size = 0; size < 12 + 11; ++size) EXPECT_FALSE(parseNameQuery(whole.substr(0, size))) << size;
  std::string pointer = question("web", aType);
  pointer[12] = '\xc0';
  EXPECT_FALSE(parseNameQuery(pointer)) << "a compressed question";
  std::string two = whole;
  two[5] = 2;
  EXPECT_FALSE(parseNameQuery(two)) << "two questions";
  std::string response = whole;
  response[2] = '\x81';
  EXPECT_FALSE(parseNameQuery(response));
}

TEST(NameMessage, noBytesAreReadPastAnEnd) {
  std::mt19937 random(7);
  const std::string whole = question("web.front", aType, true);
  for (int n = 0; n < 20000; ++n) {
    std::string message = whole.substr(0, random() % (whole.size() + 1));
    for (int changes = random() % 4; changes > 0 && !message.empty(); --changes)
      message[random() % message.size()] = static_cast<char>(random());
    if (const auto query = parseNameQuery(message)) {
      EXPECT_LE(query->questionEnd, message.size());
      EXPECT_FALSE(nameFailure(*query, message, NameCode::serverFailure).empty());
      EXPECT_LE(nameAnswer(*query, message, {}, {}, 512).size(), 512U);
    }
    formatFailure(message);
  }
}

}  // namespace
}  // namespace strake::monitor
