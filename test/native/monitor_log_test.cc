#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "monitor/json_log.h"
#include "sys/error.h"
#include "sys/remove_tree.h"
#include "sys/time.h"

namespace strake::monitor {
namespace {

class JsonLogTest : public testing::Test {
 protected:
  JsonLogTest() {
    char name[] = "/tmp/strake-log-XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~JsonLogTest() override { sys::removeTree(directory_); }

  std::string path(const std::string& suffix = "") const { return directory_ + "/container.log" + suffix; }
  std::string contents(const std::string& suffix = "") const {
    std::stringstream text;
    text << std::ifstream(path(suffix)).rdbuf();
    return text.str();
  }
  /// The log with each time replaced by T.
  std::string withoutTimes() const {
    std::string text = contents();
    for (size_t at = 0; (at = text.find("\"time\":\"", at)) != std::string::npos; at += 10) {
      text.replace(at + 8, text.find('"', at + 8) - at - 8, "T");
    }
    return text;
  }
  static std::string entry(const std::string& log, const std::string& stream = "stdout") {
    return R"({"log":")" + log + R"(","stream":")" + stream + R"(","time":"T"})" + "\n";
  }
  static std::span<const char> bytes(const std::string& text) { return {text.data(), text.size()}; }

  std::string directory_;
};

TEST_F(JsonLogTest, EachLineIsOneEntryHoweverItArrives) {
  JsonLog log({.path = path()});
  log.write(Stream::out, bytes("one\ntw"));
  log.write(Stream::err, bytes("bad\n"));
  log.write(Stream::out, bytes("o\nthr"));
  log.finish();
  EXPECT_EQ(withoutTimes(), entry("one\\n") + entry("bad\\n", "stderr") + entry("two\\n") + entry("thr"));
}

TEST_F(JsonLogTest, LongLineComesInPiecesOf16KiB) {
  JsonLog log({.path = path()});
  log.write(Stream::out, bytes(std::string(40'000, 'x') + "\n"));
  EXPECT_EQ(withoutTimes(), entry(std::string(16384, 'x')) + entry(std::string(16384, 'x')) +
                                entry(std::string(40'000 - 2 * 16384, 'x') + "\\n"));
  const std::string text = contents();
  const auto timeOf = [&](size_t from) { return text.substr(text.find("\"time\"", from), 40); };
  EXPECT_EQ(timeOf(0), timeOf(17'000)) << "the pieces of a line share the time of the first";
}

TEST_F(JsonLogTest, EscapesAsDockerDoes) {
  std::string out;
  appendEscaped(
      out, std::string_view(
               "a\"b\\c\td\r\x01<>&\x7f\n\xe2\x82\xac\xe2\x80\xa8\xff\xc3(\xf0\x9f\x98\x80\xed\xa0\x80"));
  EXPECT_EQ(out,
            "a\\\"b\\\\c\\u0009d\\r\\u0001\\u003c\\u003e\\u0026\x7f\\n\xe2\x82\xac\\u2028\\ufffd\\ufffd("
            "\xf0\x9f\x98\x80"
            "\\ufffd\\ufffd\\ufffd");
}

TEST_F(JsonLogTest, TimesHaveGosFormat) {
  EXPECT_EQ(sys::formatTime({.tv_sec = 0, .tv_nsec = 120'000'000}), "1970-01-01T00:00:00.12Z");
  EXPECT_EQ(sys::formatTime({.tv_sec = 86'399, .tv_nsec = 0}), "1970-01-01T23:59:59Z");
  EXPECT_EQ(sys::formatTime({.tv_sec = 1'709'210'096, .tv_nsec = 5'000}), "2024-02-29T12:34:56.000005Z");
  EXPECT_EQ(sys::formatTime({.tv_sec = 0, .tv_nsec = 1}), "1970-01-01T00:00:00.000000001Z");
}

TEST_F(JsonLogTest, RotatesAndKeepsMaxFileFiles) {
  JsonLog log({.path = path(), .maxSize = 1000, .maxFile = 3});
  for (int i = 0; i < 100; ++i) log.write(Stream::out, bytes("line " + std::to_string(i) + "\n"));
  EXPECT_NE(contents().find("line 99"), std::string::npos);
  EXPECT_NE(::access(path(".3").c_str(), F_OK), 0);
  for (const char* suffix : {".1", ".2"}) {
    const size_t size = contents(suffix).size();
    EXPECT_GE(size, 1000u);
    EXPECT_LT(size, 1100u);
  }
  const std::string all = contents(".2") + contents(".1") + contents();
  const size_t first = std::stoul(all.substr(all.find("line ") + 5));
  size_t at = 0;
  for (size_t i = first; i < 100; ++i) {
    at = all.find("line " + std::to_string(i) + "\\n", at);
    ASSERT_NE(at, std::string::npos) << "no line is lost or out of order across a rotation: " << i;
  }
}

TEST_F(JsonLogTest, APackedLogForgetsTheFileThatAKillLeftUnpackedBesideIt) {
  std::ofstream(path(".1")) << "left";
  JsonLog log({.path = path(), .maxSize = 500, .maxFile = 3, .compress = true});
  for (int i = 0; i < 100; ++i) log.write(Stream::out, bytes("line " + std::to_string(i) + "\n"));
  EXPECT_EQ(::access(path(".2.gz").c_str(), F_OK), 0);
  EXPECT_NE(::access(path(".2").c_str(), F_OK), 0) << "it would hide what is packed by that number";
}

TEST_F(JsonLogTest, OneFileIsTruncatedInstead) {
  JsonLog log({.path = path(), .maxSize = 500, .maxFile = 1});
  for (int i = 0; i < 100; ++i) log.write(Stream::out, bytes("line " + std::to_string(i) + "\n"));
  EXPECT_LT(contents().size(), 600u);
  EXPECT_NE(contents().find("line 99"), std::string::npos);
  EXPECT_NE(::access(path(".1").c_str(), F_OK), 0);
}

TEST_F(JsonLogTest, AppendsToAnEarlierRunsLog) {
  JsonLog({.path = path()}).write(Stream::out, bytes("first\n"));
  JsonLog({.path = path()}).write(Stream::out, bytes("second\n"));
  EXPECT_EQ(withoutTimes(), entry("first\\n") + entry("second\\n"));
}

TEST_F(JsonLogTest, AFullDiskCostsWholeEntriesAndLogsOnWhenThereIsRoomAgain) {
  JsonLog log({.path = path()});
  log.write(Stream::out, bytes("first\n"));
  // A limit on the file's size fails a write in the middle, as a full disk does.
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{contents().size() + 20, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(log.write(Stream::out, bytes("lost\n")), sys::SysError);
  ::setrlimit(RLIMIT_FSIZE, &before);
  log.write(Stream::out, bytes("last\n"));
  EXPECT_EQ(withoutTimes(), entry("first\\n") + entry("last\\n"));
}

TEST_F(JsonLogTest, ALogThatSomebodyRemovedIsMadeAnewWhenItsTurnToRotateComes) {
  JsonLog log({.path = path(), .maxSize = 100, .maxFile = 3});
  log.write(Stream::out, bytes(std::string(200, 'x') + "\n"));
  ASSERT_EQ(::unlink(path().c_str()), 0);
  log.write(Stream::out, bytes("new\n"));
  EXPECT_EQ(withoutTimes(), entry("new\\n"));
}

TEST_F(JsonLogTest, FollowsNoLink) {
  ASSERT_EQ(::symlink("/etc/hostname", path().c_str()), 0);
  EXPECT_THROW(JsonLog({.path = path()}), sys::SysError);
}

}  // namespace
}  // namespace strake::monitor
