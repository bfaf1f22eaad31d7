// What cgroup v1 has beside the contract, on this host's own hierarchies.
#include "cgroup_fixture.h"

namespace {

using namespace strake;
using namespace strake::test;
using namespace std::chrono_literals;
using cgroup::Resources;

class CgroupV1 : public CgroupTest {
 protected:
  void SetUp() override {
    CgroupTest::SetUp();
    if (cgroup::host().v1.empty()) GTEST_SKIP() << "this host has no cgroup v1 hierarchies";
  }
};

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

TEST_F(CgroupV1, ACpusetAskedForLaterTakesTheRunningProcessesAlong) {
  create();
  const pid_t pid = spawn(forever);
  while (group_->processes().empty()) std::this_thread::sleep_for(1ms);
  Resources resources;
  resources.cpu.cpus = "1";
  group_->update(resources);
  EXPECT_EQ(value("cpuset", "cgroup.procs"), std::to_string(pid));
  EXPECT_EQ(value("cpuset", "cpuset.cpus"), "1");
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

}  // namespace
