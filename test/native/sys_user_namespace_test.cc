#include "sys/user_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "sys/error.h"

namespace strake::sys {
namespace {

class UserNamespaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to map ids that are not its own";
    userns_ = makeUserNamespace({{0, 700000, 1000}}, {{0, 800000, 1000}});
    char name[] = "/tmp/strake-userns-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    ASSERT_EQ(::chown(name, 700000, 800000), 0);
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  UniqueFd userns_;
  std::string folder_;
};

struct stat statusOf(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

TEST_F(UserNamespaceTest, TheBodyIsRootInsideAndOthersAreNot) {
  const std::string file = folder_ + "/file";
  uid_t inside = 1;
  asRootOf(userns_.get(), [&] {
    inside = static_cast<uid_t>(::syscall(SYS_geteuid));
    UniqueFd made(check(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600), "open", file));
    check(::fchown(made.get(), 33, 34), "fchown", file);
  });
  EXPECT_EQ(inside, 0u);
  EXPECT_EQ(statusOf(file).st_uid, 700033u);
  EXPECT_EQ(statusOf(file).st_gid, 800034u);
  EXPECT_EQ(::geteuid(), 0u);
  EXPECT_EQ(::open((folder_ + "/nothing").c_str(), O_RDONLY), -1);
}

TEST_F(UserNamespaceTest, ItHasNoRightsOverFilesOfIdsThatAreNotMapped) {
  const std::string file = folder_ + "/of-root";
  std::ofstream(file) << "root's";
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_THROW(asRootOf(userns_.get(), [&] { check(::open(file.c_str(), O_RDONLY), "open", file); }),
               SysError);
}

TEST_F(UserNamespaceTest, WhatItThrowsArrivesWithItsTypeAndWhatItAnswersAsAValue) {
  try {
    asRootOf(userns_.get(), [] { throw Error("ERR_LAYER_CORRUPT", "as it was"); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "ERR_LAYER_CORRUPT");
    EXPECT_STREQ(error.what(), "as it was");
  }
  EXPECT_EQ(asRootOf(userns_.get(), [] { return std::string(100000, 'x'); }).size(), 100000u);
}

TEST_F(UserNamespaceTest, LocksAndConditionsWorkAcrossIt) {
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0;
  std::thread other([&] {
    for (int n = 0; n < 1000; ++n) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return turn % 2 == 0; });
      ++turn;
      changed.notify_all();
    }
  });
  asRootOf(userns_.get(), [&] {
    for (int n = 0; n < 1000; ++n) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return turn % 2 == 1; });
      ++turn;
      changed.notify_all();
    }
  });
  other.join();
  EXPECT_EQ(turn, 2000);
}

TEST_F(UserNamespaceTest, ASignalToTheGroupRunsAHandlerOnce) {
  static std::atomic<int> handled;
  handled = 0;
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) { ++handled; };
  ::sigaction(SIGUSR1, &action, &before);
  const pid_t child = ::fork();  // a group of its own
  if (child == 0) {
    ::setpgid(0, 0);
    std::thread sender([] {
      ::usleep(20'000);
      ::kill(0, SIGUSR1);
    });
    asRootOf(userns_.get(), [] { ::usleep(100'000); });
    sender.join();
    ::_exit(handled.load());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(UserNamespaceTest, ItDiesWithTheProcessThatWaits) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    asRootOf(userns_.get(), [&] {
      static_cast<void>(!::write(ends[1], "x", 1));
      for (;;) ::pause();
    });
    ::_exit(0);
  }
  ::close(ends[1]);
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(::read(ends[0], &byte, 1), 0);  // its copy is closed: it is gone
  ::close(ends[0]);
}

TEST_F(UserNamespaceTest, TheProcessStaysDumpableAndLeavesNoDescriptorOrChild) {
  const auto count = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
  const auto before = count();
  for (int n = 0; n < 10; ++n) asRootOf(userns_.get(), [] {});
  EXPECT_EQ(count(), before);
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  EXPECT_EQ(::waitpid(-1, nullptr, __WALL | WNOHANG), -1);
}

TEST_F(UserNamespaceTest, AMapThatIsNoneIsRefused) {
  EXPECT_THROW(makeUserNamespace({{0, 700000, 0}}, {{0, 700000, 1}}), SysError);
  EXPECT_THROW(makeUserNamespace({}, {}), SysError);
}

TEST_F(UserNamespaceTest, WhereNoMoreMayBeMadeTheLimitIsNamedAndNotTheDisk) {
  std::string code, message;
  asRootOf(userns_.get(), [&] {
    std::ofstream("/proc/sys/user/max_user_namespaces") << "0\n";  // of this namespace alone
    try {
      makeUserNamespace({{0, 0, 1}}, {{0, 0, 1}});
    } catch (const Error& error) {
      code = error.code();
      message = error.what();
    }
  });
  EXPECT_EQ(code, "ERR_NAMESPACE_FAILED");
  EXPECT_NE(message.find("sysctl -w user.max_user_namespaces"), std::string::npos) << message;
}

TEST(SingleId, TheMachinesOwnNamespaceHasManyAndOneOfOneHasOne) {
  EXPECT_FALSE(hasSingleId());
  const UniqueFd one = makeUserNamespace({{0, ::geteuid(), 1}}, {{0, ::getegid(), 1}});
  EXPECT_TRUE(asRootOf(one.get(), [] { return hasSingleId(); }));
}

}  // namespace
}  // namespace strake::sys
