// The contract of cgroup.h on this host's own v1 hierarchies. Each test makes a group of its own and leaves
// nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "cgroup/cgroup.h"
#include "cgroup/files.h"
#include "cgroup/host.h"
#include "sys/error.h"

namespace {

using namespace strake;
using namespace std::chrono_literals;
using cgroup::Cgroup;
using cgroup::Resources;

std::string uniquePath(const char* name) {
  return "strake-test/" + std::string(name) + "-" + std::to_string(::getpid());
}

class CgroupV1 : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "cgroups are made by root";
    if (cgroup::host().v1.empty()) GTEST_SKIP() << "this host has no cgroup v1 hierarchies";
  }

  void TearDown() override {
    for (const pid_t pid : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    if (group_) {
      const auto directories = group_->directories();
      group_->remove();
      for (const auto& directory : directories)
        EXPECT_NE(::access(directory.path.c_str(), F_OK), 0) << directory.path;
    }
    for (const auto& hierarchy : cgroup::host().v1) ::rmdir((hierarchy.directory + "/strake-test").c_str());
  }

  Cgroup& create(const Resources& resources = {}) {
    path_ = uniquePath(testing::UnitTest::GetInstance()->current_test_info()->name());
    group_ = Cgroup::create(path_, resources);
    return *group_;
  }

  /// A child that joins the group and runs `body`; its exit code is what `body` returns.
  pid_t spawn(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(group_->joinSelf() != 0 ? 99 : body());
    children_.push_back(pid);
    return pid;
  }

  int wait(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    std::erase(children_, pid);
    return status;
  }

  int exitCode(const std::function<int()>& body) { return WEXITSTATUS(wait(spawn(body))); }

  std::string directory(const std::string& controller) const {
    for (const auto& hierarchy : cgroup::host().v1) {
      if (hierarchy.has(controller)) return hierarchy.directory + "/" + path_;
    }
    return {};
  }

  std::string value(const std::string& controller, const std::string& file) const {
    std::string text = cgroup::readFile(directory(controller) + "/" + file).value_or("absent");
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  std::unique_ptr<Cgroup> group_;
  std::string path_;
  std::vector<pid_t> children_;
};

int forever() {
  for (;;) ::pause();
}

template <typename F>
std::string codeOf(F&& act) {
  try {
    act();
  } catch (const sys::Error& error) {
    return error.code() + ": " + error.what();
  }
  return "nothing was thrown";
}

TEST_F(CgroupV1, EveryLimitIsWhatTheKernelReports) {
  Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 96 << 20;
  resources.memory.reservation = 32 << 20;
  resources.memory.swappiness = 10;
  resources.cpu.shares = 512;
  resources.cpu.period = 50000;
  resources.cpu.quota = 25000;
  resources.cpu.burst = 5000;
  resources.cpu.cpus = "0";
  resources.cpu.mems = "0";
  resources.pidsLimit = 17;
  create(resources);
  EXPECT_EQ(value("memory", "memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(value("memory", "memory.memsw.limit_in_bytes"), "100663296");
  EXPECT_EQ(value("memory", "memory.soft_limit_in_bytes"), "33554432");
  EXPECT_EQ(value("memory", "memory.swappiness"), "10");
  EXPECT_EQ(value("cpu", "cpu.shares"), "512");
  EXPECT_EQ(value("cpu", "cpu.cfs_period_us"), "50000");
  EXPECT_EQ(value("cpu", "cpu.cfs_quota_us"), "25000");
  EXPECT_EQ(value("cpu", "cpu.cfs_burst_us"), "5000");
  EXPECT_EQ(value("cpuset", "cpuset.cpus"), "0");
  EXPECT_EQ(value("pids", "pids.max"), "17");
  const auto stats = group_->stats();
  EXPECT_EQ(stats.memoryLimit, 67108864u);
  EXPECT_EQ(stats.pidsLimit, 17u);
}

TEST_F(CgroupV1, ABlockWeightGoesToTheSchedulerThatIsThere) {
  Resources resources;
  resources.blkio.weight = 300;
  create(resources);
  const std::string bfq = value("blkio", "blkio.bfq.weight");
  EXPECT_EQ(bfq == "absent" ? value("blkio", "blkio.weight") : bfq, "300");
}

TEST_F(CgroupV1, TimeOnTheProcessorIsCountedAndAQuotaThrottles) {
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

TEST_F(CgroupV1, MemoryAndSwapMoveTogetherUpAndDownInEitherOrder) {
  Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 64 << 20;
  create(resources);
  for (const int64_t megabytes : {512, 32, 128}) {
    resources.memory.limit = megabytes << 20;
    resources.memory.swap = megabytes << 20;
    group_->update(resources);
    EXPECT_EQ(value("memory", "memory.limit_in_bytes"), std::to_string(megabytes << 20));
    EXPECT_EQ(value("memory", "memory.memsw.limit_in_bytes"), std::to_string(megabytes << 20));
  }
  resources.memory = {};
  resources.memory.limit = -1;
  group_->update(resources);
  EXPECT_GT(group_->stats().memoryLimit, uint64_t{1} << 40);
}

TEST_F(CgroupV1, QuotaAndPeriodMoveTogetherInEitherOrder) {
  Resources resources;
  resources.cpu.period = 1000000;
  resources.cpu.quota = 900000;
  resources.cpu.burst = 900000;
  create(resources);
  resources.cpu.period = 10000;
  resources.cpu.quota = 5000;
  resources.cpu.burst = 1000;
  group_->update(resources);
  EXPECT_EQ(value("cpu", "cpu.cfs_quota_us"), "5000");
  resources.cpu.period = 1000000;
  resources.cpu.quota = 900000;
  resources.cpu.burst = 900000;
  group_->update(resources);
  EXPECT_EQ(value("cpu", "cpu.cfs_burst_us"), "900000");
}

TEST_F(CgroupV1, AProcessThatJoinsItselfIsInEveryHierarchy) {
  create();
  const pid_t pid = spawn(forever);
  std::this_thread::sleep_for(20ms);
  const std::string own = cgroup::readFile("/proc/" + std::to_string(pid) + "/cgroup").value_or("");
  for (const char* controller : {"memory", "cpu", "pids", "devices", "freezer", "blkio"})
    EXPECT_NE(own.find(std::string(controller) + ":/" + path_), std::string::npos) << own;
  EXPECT_EQ(group_->processes(), std::vector<int>{pid});
  EXPECT_EQ(group_->stats().pids, 1u);
}

TEST_F(CgroupV1, AnotherProcessIsMovedByItsPid) {
  create();
  const pid_t pid = ::fork();
  if (pid == 0) forever();
  children_.push_back(pid);
  Cgroup::open(path_)->join(pid);
  EXPECT_EQ(group_->processes(), std::vector<int>{pid});
}

TEST_F(CgroupV1, ACpusetAskedForLaterTakesTheRunningProcessesAlong) {
  create();
  const pid_t pid = spawn(forever);
  std::this_thread::sleep_for(20ms);
  Resources resources;
  resources.cpu.cpus = "1";
  group_->update(resources);
  EXPECT_EQ(value("cpuset", "cgroup.procs"), std::to_string(pid));
  EXPECT_EQ(value("cpuset", "cpuset.cpus"), "1");
}

TEST_F(CgroupV1, AFrozenGroupStandsStillUntilItIsThawed) {
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

TEST_F(CgroupV1, KillReachesFrozenProcessesAndThoseOfChildGroups) {
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

TEST_F(CgroupV1, AForkBombStopsAtThePidsLimit) {
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

TEST_F(CgroupV1, AnOomKillIsCounted) {
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

TEST_F(CgroupV1, OnlyTheListedDevicesCanBeMadeAndOpened) {
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

TEST_F(CgroupV1, AValueThatTheKernelRefusesNamesTheOptionAndLeavesNothing) {
  Resources resources;
  resources.cpu.quota = 5;  // the kernel's least is 1000
  const std::string text = codeOf([&] { create(resources); });
  EXPECT_TRUE(text.starts_with("ERR_CGROUP_LIMIT_INVALID")) << text;
  EXPECT_NE(text.find("cpu.quota"), std::string::npos) << text;
  EXPECT_NE(::access(directory("cpu").c_str(), F_OK), 0);
  EXPECT_NE(::access(directory("memory").c_str(), F_OK), 0);
}

TEST_F(CgroupV1, SwapBelowMemoryIsRefused) {
  Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 32 << 20;
  EXPECT_TRUE(codeOf([&] { create(resources); }).starts_with("ERR_CGROUP_LIMIT_INVALID"));
}

TEST_F(CgroupV1, ALimitWhoseControllerIsNotMountedNamesIt) {
  for (const auto& hierarchy : cgroup::host().v1) {
    if (hierarchy.has("hugetlb")) GTEST_SKIP() << "hugetlb is mounted here";
  }
  Resources resources;
  resources.hugepages = {{"2MB", 0}};
  const std::string text = codeOf([&] { create(resources); });
  EXPECT_TRUE(text.starts_with("ERR_CGROUP_CONTROLLER_MISSING")) << text;
  EXPECT_NE(text.find("hugetlb"), std::string::npos) << text;
  EXPECT_NE(::access(directory("memory").c_str(), F_OK), 0);
}

TEST_F(CgroupV1, ALeftoverOfADeadContainerIsReplacedAndALivingOneIsNot) {
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

TEST_F(CgroupV1, RemovalTakesChildGroupsAndWaitsForTheDying) {
  create();
  for (const char* controller : {"memory", "pids"}) {
    ASSERT_EQ(::mkdir((directory(controller) + "/a").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((directory(controller) + "/a/b").c_str(), 0755), 0);
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

TEST_F(CgroupV1, AnAbsentGroupIsEmptyAndItsRemovalIsNoError) {
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
