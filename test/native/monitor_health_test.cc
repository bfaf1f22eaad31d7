#include <gtest/gtest.h>

#include "monitor/health_status.h"

namespace strake::monitor {
namespace {

using namespace std::chrono_literals;

ProbeResult exited(int code, std::string output = "") {
  return {.start = "s", .end = "e", .exitCode = code, .output = std::move(output)};
}

bool has(const HealthStatus& status, const std::string& text) {
  return status.json().find(text) != std::string::npos;
}

TEST(Health, BeginsAsStarting) {
  const HealthCheck check;
  EXPECT_EQ(HealthStatus(check).json(), R"({"status":"starting","failingStreak":0,"log":[]})");
}

TEST(Health, OneSuccessIsHealthyAndSoManyFailuresInARowAreNot) {
  const HealthCheck check{.retries = 2};
  HealthStatus status(check);
  EXPECT_FALSE(status.record(exited(0), 0ms));
  EXPECT_TRUE(has(status, R"("status":"healthy")"));
  EXPECT_FALSE(status.record(exited(1), 0ms));
  EXPECT_TRUE(has(status, R"("status":"healthy","failingStreak":1)"));
  EXPECT_TRUE(status.record(exited(1), 0ms));
  EXPECT_TRUE(has(status, R"("status":"unhealthy","failingStreak":2)"));
  EXPECT_FALSE(status.record(exited(1), 0ms)) << "it was already";
  EXPECT_FALSE(status.record(exited(0), 0ms));
  EXPECT_TRUE(has(status, R"("status":"healthy","failingStreak":0)"));
}

TEST(Health, FailuresInTheStartPeriodDoNotCount) {
  const HealthCheck check{.startPeriod = 10s, .retries = 1};
  HealthStatus status(check);
  EXPECT_FALSE(status.record(exited(1), 9s));
  EXPECT_TRUE(has(status, R"("status":"starting","failingStreak":0)"));
  EXPECT_TRUE(status.record(exited(1), 10s));
}

TEST(Health, AfterTheFirstSuccessTheStartPeriodIsOver) {
  const HealthCheck check{.startPeriod = 10s, .retries = 1};
  HealthStatus status(check);
  status.record(exited(0), 1s);
  EXPECT_TRUE(status.record(exited(1), 2s));
}

TEST(Health, ItIsAskedMoreOftenWhileItStarts) {
  const HealthCheck check{.interval = 30s, .startPeriod = 10s, .startInterval = 1s};
  HealthStatus status(check);
  EXPECT_EQ(status.pause(9s), 1s);
  EXPECT_EQ(status.pause(10s), 30s);
  status.record(exited(0), 1s);
  EXPECT_EQ(status.pause(2s), 30s);
}

TEST(Health, TheLastFiveResultsAreKeptAsUtf8) {
  const HealthCheck check;
  HealthStatus status(check);
  for (int code = 1; code <= 6; ++code) status.record(exited(code, "o\xff"), 0ms);
  EXPECT_FALSE(has(status, R"("exitCode":1,)"));
  EXPECT_TRUE(has(status, R"("exitCode":2,)"));
  EXPECT_TRUE(has(status, "\"exitCode\":6,\"output\":\"o\xef\xbf\xbd\""));
}

}  // namespace
}  // namespace strake::monitor
