#include "events/journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace strake::events {
namespace {

class JournalTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/strake-journal-XXXXXX";
    directory_ = ::mkdtemp(path);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string read(const std::string& name) const {
    std::ifstream file(directory_ + "/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string directory_;
};

TEST_F(JournalTest, AnEventIsOneLineWithItsTime) {
  ASSERT_TRUE(append(directory_, "\"type\":\"a\"}\n"));
  const std::string text = read("journal");
  EXPECT_TRUE(text.starts_with("{\"time\":\"20"));
  EXPECT_TRUE(text.ends_with("Z\",\"type\":\"a\"}\n"));
  struct stat status {};
  ASSERT_EQ(::stat((directory_ + "/journal").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(JournalTest, AFullJournalBecomesThePredecessor) {
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(append(directory_, "\"n\":" + std::to_string(n) + "}\n", 60));
  EXPECT_NE(read("journal.1").find("\"n\":1"), std::string::npos);
  EXPECT_NE(read("journal").find("\"n\":2"), std::string::npos);
  EXPECT_EQ(read("journal.2"), "");
}

TEST_F(JournalTest, WhatCannotBeWrittenIsNoFailure) {
  EXPECT_FALSE(append(directory_ + "/none", "}\n"));
  EXPECT_FALSE(append(directory_, std::string(longestLine + 1, 'x')));
  ::symlink("/dev/null", (directory_ + "/journal").c_str());
  EXPECT_FALSE(append(directory_, "}\n"));
}

/// The size is such that all events fit into the two files, whatever turn they take.
TEST_F(JournalTest, WritersAtTheSameTimeTearNoLine) {
  constexpr int writers = 4, each = 500;
  std::vector<std::thread> threads;
  for (int n = 0; n < writers; ++n)
    threads.emplace_back([this] {
      for (int m = 0; m < each; ++m) append(directory_, "\"type\":\"a\"}\n", 64 * 1024);
    });
  for (std::thread& thread : threads) thread.join();
  std::istringstream lines(read("journal.1") + read("journal"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_TRUE(line.starts_with("{\"time\":\"")) << line;
    EXPECT_TRUE(line.ends_with("\"type\":\"a\"}")) << line;
  }
  EXPECT_EQ(count, writers * each);
}

}  // namespace
}  // namespace strake::events
