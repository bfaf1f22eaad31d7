// The contract of cgroup.h, whatever is behind it: v1 and hybrid hosts, and v2 (npm run test:vm).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <algorithm>

#include <algorithm>
#include <thread>

#include "cgroup_fixture.h"

namespace {

using namespace strake;
using namespace strake::test;
using namespace std::chrono_literals;
using cgroup::Cgroup;
using cgroup::Resources;

class CgroupContract : public CgroupTest {};

TEST_F(CgroupContract, TimeOnTheProcessorIsCountedAndAQuotaThrottles) {
  Resources resources;
  resources.cpu.period = 10000;
  resources.cpu.quota = 2000;
  create(resources);
  const pid_t pid = spawn([] {
    for (;;) {
      asm volatile("");
    }
    return 0;
  });
  std::this_thread::sleep_for(300ms);
  const auto stats = group_->stats();
  EXPECT_GT(stats.cpuUsageNs, 10'000'000u);
  EXPECT_LT(stats.cpuUsageNs, 150'000'000u);  // a fifth of the time, generously
  EXPECT_GT(stats.throttledPeriods, 3u);
  EXPECT_GE(stats.periods, stats.throttledPeriods);
  EXPECT_GT(stats.throttledNs, 0u);
  ::kill(pid, SIGKILL);
  wait(pid);
}

TEST_F(CgroupContract, AProcessThatJoinsItselfIsInEveryHierarchy) {
  create();
  const pid_t pid = spawn(forever);
  const auto isInEach = [&] {
    const std::string own = cgroup::readFile("/proc/" + std::to_string(pid) + "/cgroup").value_or("");
    return std::ranges::all_of(group_->directories(), [&](const auto& entered) {
      return own.find(entered.controllers + ":/" + path_) != std::string::npos;
    });
  };
  while (!isInEach()) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(group_->processes(), std::vector<int>{pid});
  EXPECT_EQ(group_->stats().pids, 1u);
}

TEST_F(CgroupContract, AnotherProcessIsMovedByItsPid) {
  create();
  const pid_t pid = ::fork();
  if (pid == 0) forever();
  children_.push_back(pid);
  Cgroup::open(path_)->join(pid);
  EXPECT_EQ(group_->processes(), std::vector<int>{pid});
}

TEST_F(CgroupContract, AFrozenGroupStandsStillUntilItIsThawed) {
  create();
  auto* counter = static_cast<volatile uint64_t*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  spawn([&] {
    for (;;) *counter = *counter + 1;
    return 0;
  });
  while (*counter == 0) std::this_thread::sleep_for(1ms);
  group_->freeze();
  EXPECT_TRUE(group_->frozen());
  const uint64_t still = *counter;
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(*counter, still);
  group_->thaw();
  EXPECT_FALSE(group_->frozen());
  std::this_thread::sleep_for(30ms);
  EXPECT_GT(*counter, still);
}

TEST_F(CgroupContract, KillReachesFrozenProcessesAndThoseOfChildGroups) {
  create();
  const std::string child = directory("freezer") + "/inner";
  ASSERT_EQ(::mkdir(child.c_str(), 0755), 0);
  const pid_t first = spawn(forever);
  const pid_t second =
      spawn([&] { return cgroup::writeFile(child + "/cgroup.procs", "0") != 0 ? 98 : forever(); });
  while (group_->processes().size() < 2 || cgroup::readFile(child + "/cgroup.procs")->empty())
    std::this_thread::sleep_for(1ms);
  group_->freeze();
  std::thread reaper([&] {
    EXPECT_EQ(WTERMSIG(wait(first)), SIGKILL);
    EXPECT_EQ(WTERMSIG(wait(second)), SIGKILL);
  });
  group_->kill();
  EXPECT_TRUE(group_->processes().empty());
  reaper.join();
}

TEST_F(CgroupContract, AForkBombStopsAtThePidsLimit) {
  Resources resources;
  resources.pidsLimit = 5;
  create(resources);
  const int made = exitCode([] {
    int children = 0;
    for (; children < 50 && ::fork() > 0; ++children) {
    }
    if (children < 50 && errno != EAGAIN) forever();
    return children;
  });
  EXPECT_EQ(made, 4);
  group_->kill();
}

TEST_F(CgroupContract, AnOomKillIsCounted) {
  Resources resources;
  resources.memory.limit = 16 << 20;
  resources.memory.swap = 16 << 20;
  create(resources);
  EXPECT_EQ(group_->oomKills(), 0u);
  const int status = wait(spawn([] {
    const size_t size = 256 << 20;
    auto* bytes =
        static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t at = 0; at < size; at += 4096) bytes[at] = 1;
    return 0;
  }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_GE(group_->oomKills(), 1u);
  EXPECT_GE(group_->stats().oomKills, 1u);
}

TEST_F(CgroupContract, OnlyTheListedDevicesCanBeMadeAndOpened) {
  Resources resources;
  resources.devices = {{false, 'a', -1, -1, "rwm"}, {true, 'c', 1, 3, "rwm"}, {true, 'c', 1, 5, "r"}};
  create(resources);
  EXPECT_EQ(exitCode([] { return ::open("/dev/null", O_RDWR) < 0 ? errno : 0; }), 0);
  EXPECT_EQ(exitCode([] { return ::open("/dev/zero", O_RDONLY) < 0 ? errno : 0; }), 0);
  EXPECT_EQ(exitCode([] { return ::open("/dev/zero", O_WRONLY) < 0 ? errno : 0; }), EPERM);
  EXPECT_EQ(exitCode([] { return ::open("/dev/full", O_RDONLY) < 0 ? errno : 0; }), EPERM);
  const std::string node = "/tmp/strake-device-" + std::to_string(::getpid());
  EXPECT_EQ(exitCode([&] { return ::mknod(node.c_str(), S_IFCHR | 0600, makedev(1, 7)) < 0 ? errno : 0; }),
            EPERM);
  EXPECT_EQ(exitCode([&] { return ::mknod(node.c_str(), S_IFCHR | 0600, makedev(1, 3)) < 0 ? errno : 0; }),
            0);
  ::unlink(node.c_str());
}

TEST_F(CgroupContract, AValueThatTheKernelRefusesNamesTheOptionAndLeavesNothing) {
  Resources resources;
  resources.cpu.quota = 5;  // the kernel's least is 1000
  const std::string text = codeOf([&] { create(resources); });
  EXPECT_TRUE(text.starts_with("ERR_CGROUP_LIMIT_INVALID")) << text;
  EXPECT_NE(text.find("cpu.quota"), std::string::npos) << text;
  EXPECT_NE(::access(directory("cpu").c_str(), F_OK), 0);
  EXPECT_NE(::access(directory("memory").c_str(), F_OK), 0);
}

TEST_F(CgroupContract, SwapBelowMemoryIsRefused) {
  Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 32 << 20;
  EXPECT_TRUE(codeOf([&] { create(resources); }).starts_with("ERR_CGROUP_LIMIT_INVALID"));
}

TEST_F(CgroupContract, ALeftoverOfADeadContainerIsReplacedAndALivingOneIsNot) {
  create();
  Resources resources;
  resources.pidsLimit = 3;
  ASSERT_EQ(::mkdir((directory("memory") + "/inner").c_str(), 0755), 0);
  group_ = Cgroup::create(path_, resources);
  EXPECT_EQ(value("pids", "pids.max"), "3");
  spawn(forever);
  while (group_->processes().empty()) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(codeOf([&] { Cgroup::create(path_, {}); }).starts_with("ERR_CGROUP_FAILED"));
  EXPECT_EQ(group_->processes().size(), 1u);
}

TEST_F(CgroupContract, RemovalTakesChildGroupsAndWaitsForTheDying) {
  create();
  for (const auto& made : group_->directories()) {
    ASSERT_EQ(::mkdir((made.path + "/a").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((made.path + "/a/b").c_str(), 0755), 0);
  }
  const pid_t pid = spawn(forever);
  while (group_->processes().empty()) std::this_thread::sleep_for(1ms);
  std::thread later([&] {
    std::this_thread::sleep_for(50ms);
    ::kill(pid, SIGKILL);
    wait(pid);
  });
  Cgroup::open(path_)->remove();
  later.join();
  EXPECT_NE(::access(directory("pids").c_str(), F_OK), 0);
}

TEST_F(CgroupContract, AnAbsentGroupIsEmptyAndItsRemovalIsNoError) {
  const auto absent = Cgroup::open("strake-test/never-made");
  EXPECT_TRUE(absent->processes().empty());
  EXPECT_TRUE(absent->directories().empty());
  EXPECT_EQ(absent->oomKills(), 0u);
  EXPECT_TRUE(codeOf([&] { absent->freeze(); }).starts_with("ERR_CGROUP_FAILED"));
  absent->kill();
  absent->remove();
}

TEST(CgroupPath, APathThatLeavesItsPlaceIsRefused) {
  for (const char* path : {"../x", "a/../../b", "", "/", "a/./b"})
    EXPECT_TRUE(codeOf([&] { Cgroup::create(path, {}); }).starts_with("ERR_CGROUP_FAILED")) << path;
}

}  // namespace
