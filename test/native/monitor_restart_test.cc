#include <gtest/gtest.h>

#include "monitor/restart.h"

namespace strake::monitor {
namespace {

using namespace std::chrono_literals;
using Kind = RestartPolicy::Kind;

constexpr auto aMoment = 5ms;

TEST(Restart, EachPolicyByExitCode) {
  struct Case {
    Kind kind;
    bool afterSuccess, afterFailure;
  };
  for (const Case& expected : {Case{Kind::no, false, false}, Case{Kind::onFailure, false, true},
                               Case{Kind::always, true, true}, Case{Kind::unlessStopped, true, true}}) {
    const RestartPolicy policy{.kind = expected.kind};
    EXPECT_EQ(RestartHistory().next(policy, 0, aMoment).has_value(), expected.afterSuccess);
    EXPECT_EQ(RestartHistory().next(policy, 1, aMoment).has_value(), expected.afterFailure);
  }
}

TEST(Restart, OnFailureEndsAfterItsRetries) {
  const RestartPolicy policy{.kind = Kind::onFailure, .maximumRetries = 2};
  RestartHistory history;
  EXPECT_TRUE(history.next(policy, 1, aMoment));
  EXPECT_TRUE(history.next(policy, 1, aMoment));
  EXPECT_FALSE(history.next(policy, 1, aMoment));
  EXPECT_EQ(history.count(), 2u);
}

TEST(Restart, TheDelayDoublesUpToAMinute) {
  const RestartPolicy policy{.kind = Kind::always};
  RestartHistory history;
  EXPECT_EQ(history.next(policy, 0, aMoment), 100ms);
  EXPECT_EQ(history.next(policy, 0, aMoment), 200ms);
  EXPECT_EQ(history.next(policy, 0, aMoment), 400ms);
  for (int run = 0; run < 20; ++run) history.next(policy, 0, aMoment);
  EXPECT_EQ(history.next(policy, 0, aMoment), 1min);
}

TEST(Restart, ALongRunBeginsAnew) {
  const RestartPolicy policy{.kind = Kind::always};
  RestartHistory history;
  history.next(policy, 0, aMoment);
  history.next(policy, 0, aMoment);
  EXPECT_EQ(history.next(policy, 0, 10s), 100ms);
}

TEST(Restart, ItIsStoppedWhereTheMarkerIs) {
  EXPECT_TRUE(isStopped({.kind = Kind::always, .stopMarker = "/dev/null"}));
  EXPECT_FALSE(isStopped({.kind = Kind::always, .stopMarker = "/dev/no-such"}));
  EXPECT_FALSE(isStopped({.kind = Kind::always}));
}

}  // namespace
}  // namespace strake::monitor
