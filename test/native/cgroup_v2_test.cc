// cgroup v2. The conversions are pure; the group's life runs below a v2 mount of any kind (on a hybrid host
// it has no controllers, but processes, freeze, kill, events and device programs).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <thread>

#include "cgroup/device_program.h"
#include "cgroup/files.h"
#include "cgroup/host.h"
#include "cgroup/limits.h"
#include "cgroup/members.h"
#include "cgroup/v2_group.h"
#include "sys/error.h"

namespace {

using namespace strake;
using namespace strake::cgroup;
using namespace std::chrono_literals;

std::map<std::string, std::string> files(const Resources& resources) {
  std::map<std::string, std::string> values;
  for (const LimitWrite& write : v2Limits(resources)) values[write.file] = write.value;
  return values;
}

std::string codeOf(const std::function<void()>& act) {
  try {
    act();
  } catch (const sys::Error& error) {
    return error.code();
  }
  return "nothing was thrown";
}

using Values = std::map<std::string, std::string>;

TEST(CgroupV2Limits, SwapIsWhatIsBeyondMemory) {
  Resources resources;
  resources.memory.limit = 100;
  resources.memory.swap = 150;
  resources.memory.reservation = 70;
  EXPECT_EQ(files(resources),
            (Values{{"memory.max", "100"}, {"memory.swap.max", "50"}, {"memory.low", "70"}}));
  resources.memory.swap = 100;
  EXPECT_EQ(files(resources)["memory.swap.max"], "0");
  resources.memory.swap = -1;
  EXPECT_EQ(files(resources)["memory.swap.max"], "max");
  resources.memory.swap = 99;
  EXPECT_EQ(codeOf([&] { v2Limits(resources); }), "ERR_CGROUP_LIMIT_INVALID");
  resources.memory.limit.reset();
  EXPECT_EQ(codeOf([&] { v2Limits(resources); }), "ERR_CGROUP_LIMIT_INVALID");
}

TEST(CgroupV2Limits, UnlimitedMemoryTakesTheLimitOfSwapAlong) {
  Resources resources;
  resources.memory.limit = -1;
  EXPECT_EQ(files(resources), (Values{{"memory.max", "max"}, {"memory.swap.max", "max"}}));
}

TEST(CgroupV2Limits, SharesKeepTheirEndsAndTheirDefault) {
  EXPECT_EQ(cpuWeight(0), 0u);
  EXPECT_EQ(cpuWeight(1), 1u);
  EXPECT_EQ(cpuWeight(2), 1u);
  EXPECT_EQ(cpuWeight(1024), 100u);
  EXPECT_EQ(cpuWeight(262144), 10000u);
  EXPECT_EQ(cpuWeight(1u << 30), 10000u);
  uint64_t before = 0;
  for (uint64_t shares = 2; shares <= 262144; shares += 37) {
    EXPECT_GE(cpuWeight(shares), before);
    before = cpuWeight(shares);
  }
}

TEST(CgroupV2Limits, QuotaAndPeriodAreOneFile) {
  Resources resources;
  resources.cpu.quota = 50000;
  EXPECT_EQ(files(resources), (Values{{"cpu.max", "50000"}}));
  resources.cpu.period = 20000;
  EXPECT_EQ(files(resources), (Values{{"cpu.max", "50000 20000"}}));
  resources.cpu.quota = -1;
  EXPECT_EQ(files(resources), (Values{{"cpu.max", "max 20000"}}));
}

TEST(CgroupV2Limits, AnIdleGroupHasNoWeight) {
  Resources resources;
  resources.cpu.shares = 512;
  resources.cpu.idle = 1;
  EXPECT_EQ(files(resources), (Values{{"cpu.idle", "1"}}));
}

TEST(CgroupV2Limits, TheOthers) {
  Resources resources;
  resources.cpu.cpus = "0-1";
  resources.cpu.mems = "0";
  resources.pidsLimit = 0;
  resources.hugepages = {{"2MB", 4194304}};
  resources.blkio.weight = 10;
  resources.blkio.readBps = {{8, 16, 1000}};
  resources.unified = {{"memory.high", "5"}};
  const Values expected{{"cpuset.cpus", "0-1"},  {"cpuset.mems", "0"},
                        {"pids.max", "max"},     {"hugetlb.2MB.max", "4194304"},
                        {"io.bfq.weight", "10"}, {"io.max", "8:16 rbps=1000"},
                        {"memory.high", "5"}};
  EXPECT_EQ(files(resources), expected);
  EXPECT_EQ(ioWeight(10), 1u);
  EXPECT_EQ(ioWeight(1000), 10000u);
}

TEST(CgroupV2Limits, WhatV2CannotSayNamesTheOption) {
  Resources resources;
  resources.memory.swappiness = 10;
  EXPECT_EQ(codeOf([&] { v2Limits(resources); }), "ERR_CGROUP_CONTROLLER_MISSING");
  resources = {};
  resources.memory.disableOomKiller = false;
  EXPECT_TRUE(files(resources).empty());
  resources.memory.disableOomKiller = true;
  EXPECT_EQ(codeOf([&] { v2Limits(resources); }), "ERR_CGROUP_CONTROLLER_MISSING");
  resources = {};
  resources.unified = {{"../escape", "1"}};
  EXPECT_EQ(codeOf([&] { v2Limits(resources); }), "ERR_CGROUP_LIMIT_INVALID");
}

TEST(CgroupHost, HierarchiesAreFoundInMountinfo) {
  const char* mounts =
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "36 31 0:32 / /elsewhere/memory rw,relatime - cgroup cgroup rw,memory\n"
      "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
  const Host host = parseHost(mounts, "2:cpu,cpuacct:/x\n0::/\n", [](const std::string&) { return true; });
  EXPECT_EQ(host.layout, Layout::hybrid);
  ASSERT_EQ(host.v1.size(), 2u);
  EXPECT_EQ(host.v1[0].name, "cpu,cpuacct");
  EXPECT_TRUE(host.v1[0].has("cpuacct"));
  EXPECT_EQ(host.v1[1].directory, "/sys/fs/cgroup/memory");
  EXPECT_EQ(host.unified->directory, "/sys/fs/cgroup/unified");
}

TEST(CgroupHost, WhereTheTopIsNotOursTheCallersOwnGroupIsUsed) {
  const auto no = [](const std::string&) { return false; };
  const Host whole =
      parseHost("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/user.slice/a\n", no);
  EXPECT_EQ(whole.layout, Layout::v2);
  EXPECT_EQ(whole.unified->directory, "/sys/fs/cgroup/user.slice/a");
  // The mount shows a part of the hierarchy, as in a container that shares the host's cgroup namespace.
  const Host part =
      parseHost("41 31 0:38 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/docker/1/inner\n", no);
  EXPECT_EQ(part.unified->directory, "/sys/fs/cgroup/inner");
  EXPECT_EQ(parseHost("", "", no).layout, Layout::none);
  EXPECT_FALSE(whole.unified->delegated);
}

TEST(CgroupHost, AUsersGroupsAreBelowTheTopmostThatIsHisWithoutAGap) {
  const std::string mount = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  const std::string service = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service";
  const auto his = [&](const std::string& directory) { return directory.starts_with(service); };
  const auto at = [&](const char* own) { return *parseHost(mount, own, his).unified; };
  const Hierarchy scope = at("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n");
  EXPECT_EQ(scope.directory, service);
  EXPECT_TRUE(scope.delegated);
  const Hierarchy session = at("0::/user.slice/user-1000.slice/session-4.scope\n");
  EXPECT_EQ(session.directory, "/sys/fs/cgroup/user.slice/user-1000.slice/session-4.scope");
  EXPECT_FALSE(session.delegated);
  // What is his further up does not help where something that is not lies in between.
  const auto gap = [&](const std::string& directory) { return !directory.ends_with("app.slice"); };
  const Host host = parseHost(mount, "0::/a/app.slice/b\n",
                              [&](const std::string& path) { return path != "/sys/fs/cgroup" && gap(path); });
  EXPECT_EQ(host.unified->directory, "/sys/fs/cgroup/a/app.slice/b");
}

/// The device program's meaning, by a machine for the handful of instructions that it uses.
bool permits(const std::vector<bpf_insn>& program, uint32_t type, uint32_t access, uint32_t major,
             uint32_t minor) {
  const uint32_t context[] = {access << 16 | type, major, minor};
  uint32_t registers[11] = {};
  for (size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& op = program[at];
    uint32_t& to = registers[op.dst_reg];
    const auto immediate = static_cast<uint32_t>(op.imm);
    if (op.code == (BPF_LDX | BPF_MEM | BPF_W))
      to = context[op.off / 4];
    else if (op.code == (BPF_ALU | BPF_MOV | BPF_X))
      to = registers[op.src_reg];
    else if (op.code == (BPF_ALU | BPF_MOV | BPF_K))
      to = immediate;
    else if (op.code == (BPF_ALU | BPF_AND | BPF_K))
      to &= immediate;
    else if (op.code == (BPF_ALU | BPF_RSH | BPF_K))
      to >>= immediate;
    else if (op.code == (BPF_JMP | BPF_JNE | BPF_K))
      at += to != immediate ? static_cast<size_t>(op.off) : 0;
    else if (op.code == (BPF_JMP | BPF_JEQ | BPF_K))
      at += to == immediate ? static_cast<size_t>(op.off) : 0;
    else if (op.code == (BPF_JMP | BPF_EXIT))
      return registers[0] != 0;
    else
      throw std::runtime_error("unexpected instruction");
  }
  throw std::runtime_error("ran off the end");
}

constexpr uint32_t kChar = BPF_DEVCG_DEV_CHAR, kBlock = BPF_DEVCG_DEV_BLOCK, kRead = BPF_DEVCG_ACC_READ,
                   kWrite = BPF_DEVCG_ACC_WRITE, kMknod = BPF_DEVCG_ACC_MKNOD;

TEST(CgroupDevices, RulesApplyInOrderAndTheRestIsDenied) {
  const std::vector<DeviceRule> rules = {
      {true, 'c', 9, 9, "rwm"}, {false, 'a', -1, -1, "rwm"}, {true, 'c', 1, 3, "rwm"}, {true, 'c', 1, 5, "r"},
      {true, 'b', -1, -1, "m"}, {true, 'c', 7, -1, "rw"},    {false, 'c', 7, 1, "w"}};
  const auto program = deviceProgram(rules);
  EXPECT_FALSE(permits(program, kChar, kRead, 9, 9));  // before the rule that covers everything
  EXPECT_TRUE(permits(program, kChar, kRead | kWrite, 1, 3));
  EXPECT_FALSE(permits(program, kBlock, kRead, 1, 3));
  EXPECT_TRUE(permits(program, kChar, kRead, 1, 5));
  EXPECT_FALSE(permits(program, kChar, kRead | kWrite, 1, 5));
  EXPECT_TRUE(permits(program, kBlock, kMknod, 200, 200));
  EXPECT_FALSE(permits(program, kBlock, kRead, 200, 200));
  EXPECT_TRUE(permits(program, kChar, kRead | kWrite, 7, 0));
  EXPECT_TRUE(permits(program, kChar, kRead, 7, 1));
  EXPECT_FALSE(permits(program, kChar, kRead | kWrite, 7, 1));
  EXPECT_FALSE(permits(program, kChar, kMknod, 7, 0));
}

TEST(CgroupDevices, AllowingEverythingIsShort) {
  const std::vector<DeviceRule> rules = {{false, 'c', 1, 3, "rwm"}, {true, 'a', -1, -1, "rwm"}};
  EXPECT_TRUE(permits(deviceProgram(rules), kChar, kWrite, 1, 3));
  EXPECT_LE(deviceProgram(rules).size(), 8u);
}

class CgroupV2 : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "cgroups are made by root";
    if (!host().unified) GTEST_SKIP() << "this host has no cgroup v2 mount";
    path_ = "strake-test/v2-" + std::to_string(::getpid());
  }

  void TearDown() override {
    for (const pid_t pid : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    if (group_) {
      group_->remove();
      EXPECT_NE(::access(directory().c_str(), F_OK), 0);
    }
    ::rmdir((host().unified->directory + "/strake-test").c_str());
  }

  Cgroup& create(const Resources& resources = {}) {
    group_ = createV2(*host().unified, path_, resources);
    return *group_;
  }

  std::string directory() const { return host().unified->directory + "/" + path_; }

  /// A child that is born in the group (CLONE_INTO_CGROUP).
  pid_t spawn(const std::function<int()>& body) {
    struct {
      uint64_t flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize,
          cgroup;
    } arguments{};
    arguments.flags = uint64_t{1} << 33;
    arguments.exitSignal = SIGCHLD;
    arguments.cgroup = static_cast<uint64_t>(group_->cloneFd());
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) ::_exit(body());
    EXPECT_GT(pid, 0) << strerror(errno);
    children_.push_back(pid);
    return pid;
  }

  int wait(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    std::erase(children_, pid);
    return status;
  }

  std::unique_ptr<Cgroup> group_;
  std::string path_;
  std::vector<pid_t> children_;
};

int forever() {
  for (;;) ::pause();
}

TEST_F(CgroupV2, AProcessIsBornInTheGroupOrJoins) {
  create();
  const pid_t born = spawn(forever);
  const pid_t joined = ::fork();
  if (joined == 0) ::_exit(group_->joinSelf() != 0 ? 9 : forever());
  children_.push_back(joined);
  while (group_->processes().size() < 2) std::this_thread::sleep_for(1ms);
  const auto pids = group_->processes();
  EXPECT_NE(std::find(pids.begin(), pids.end(), born), pids.end());
  EXPECT_NE(std::find(pids.begin(), pids.end(), joined), pids.end());
}

TEST_F(CgroupV2, ProcessorTimeIsCountedWithoutAController) {
  create();
  const pid_t pid = spawn([] {
    for (unsigned turns = 0; turns < 20000000; ++turns) asm volatile("");
    return 0;
  });
  wait(pid);
  EXPECT_GT(group_->stats().cpuUsageNs, 1'000'000u);
}

TEST_F(CgroupV2, FreezeThawAndKill) {
  create();
  const pid_t pid = spawn(forever);
  group_->freeze();
  EXPECT_TRUE(group_->frozen());
  group_->thaw();
  EXPECT_TRUE(waitpid(pid, nullptr, WNOHANG) == 0);
  group_->freeze();
  std::thread reaper([&] { EXPECT_EQ(WTERMSIG(wait(pid)), SIGKILL); });
  group_->kill();
  reaper.join();
  EXPECT_TRUE(group_->processes().empty());
}

TEST_F(CgroupV2, DeviceRulesHoldInTheGroupAndAreReplacedWhole) {
  Resources resources;
  resources.devices = {{false, 'a', -1, -1, "rwm"}, {true, 'c', 1, 3, "rw"}, {true, 'c', 1, 5, "r"}};
  create(resources);
  const auto result = [&](const char* path, int flags) {
    return WEXITSTATUS(wait(spawn([&] { return ::open(path, flags) < 0 ? errno : 0; })));
  };
  EXPECT_EQ(result("/dev/null", O_RDWR), 0);
  EXPECT_EQ(result("/dev/zero", O_RDONLY), 0);
  EXPECT_EQ(result("/dev/zero", O_RDWR), EPERM);
  EXPECT_EQ(result("/dev/full", O_RDONLY), EPERM);
  const std::string node = "/tmp/strake-v2-device-" + std::to_string(::getpid());
  EXPECT_EQ(WEXITSTATUS(wait(
                spawn([&] { return ::mknod(node.c_str(), S_IFCHR | 0600, makedev(1, 3)) < 0 ? errno : 0; }))),
            EPERM);
  resources.devices = {{false, 'a', -1, -1, "rwm"}, {true, 'c', 1, 7, "rwm"}};
  group_->update(resources);
  EXPECT_EQ(result("/dev/null", O_RDWR), EPERM);
  EXPECT_EQ(result("/dev/full", O_RDWR), 0);
}

TEST_F(CgroupV2, ALimitWhoseControllerIsNotDelegatedNamesItAndLeavesNothing) {
  if (host().layout == Layout::v2) GTEST_SKIP() << "this host's v2 has controllers";
  Resources resources;
  resources.memory.limit = 1 << 20;
  EXPECT_EQ(codeOf([&] { create(resources); }), "ERR_CGROUP_CONTROLLER_MISSING");
  EXPECT_NE(::access(directory().c_str(), F_OK), 0);
}

TEST_F(CgroupV2, RemovalTakesChildGroups) {
  create();
  ASSERT_EQ(::mkdir((directory() + "/a").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((directory() + "/a/b").c_str(), 0755), 0);
  openV2(*host().unified, path_)->remove();
  EXPECT_NE(::access(directory().c_str(), F_OK), 0);
  openV2(*host().unified, path_)->remove();
}

/// With controllers: on hosts whose only hierarchy is v2.
class CgroupV2Controllers : public CgroupV2 {
 protected:
  void SetUp() override {
    if (host().layout != Layout::v2) GTEST_SKIP() << "this host's controllers are on cgroup v1";
    CgroupV2::SetUp();
  }

  std::string value(const char* file) const {
    std::string text = readFile(directory() + "/" + file).value_or("absent");
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }
};

TEST_F(CgroupV2Controllers, EveryLimitIsWhatTheKernelReports) {
  Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 96 << 20;
  resources.memory.reservation = 32 << 20;
  resources.cpu.shares = 512;
  resources.cpu.period = 50000;
  resources.cpu.quota = 25000;
  resources.cpu.cpus = "0";
  resources.cpu.mems = "0";
  resources.pidsLimit = 17;
  resources.unified = {{"memory.high", "50331648"}};
  create(resources);
  EXPECT_EQ(value("memory.max"), "67108864");
  EXPECT_EQ(value("memory.low"), "33554432");
  EXPECT_EQ(value("memory.high"), "50331648");
  EXPECT_EQ(value("cpu.weight"), std::to_string(cpuWeight(512)));
  EXPECT_EQ(value("cpu.max"), "25000 50000");
  EXPECT_EQ(value("cpuset.cpus"), "0");
  EXPECT_EQ(value("pids.max"), "17");
  if (value("memory.swap.max") != "absent") {
    EXPECT_EQ(value("memory.swap.max"), "33554432");
  }
  EXPECT_EQ(group_->stats().memoryLimit, 67108864u);
  EXPECT_EQ(group_->stats().pidsLimit, 17u);
}

TEST_F(CgroupV2Controllers, AnUpdateTurnsOnWhatTheContainerHadNot) {
  create();
  const pid_t pid = spawn(forever);
  EXPECT_EQ(value("cpuset.cpus"), "absent");
  Resources resources;
  resources.cpu.cpus = "0";
  resources.memory.limit = 128 << 20;
  group_->update(resources);
  EXPECT_EQ(value("cpuset.cpus"), "0");
  EXPECT_EQ(value("memory.max"), "134217728");
  EXPECT_EQ(group_->processes(), std::vector<int>{pid});
  resources = {};
  resources.memory.limit = -1;
  group_->update(resources);
  EXPECT_EQ(value("memory.max"), "max");
}

TEST_F(CgroupV2Controllers, ALimitBelowTheUsageIsRefusedWhenAsked) {
  create();
  spawn([] {
    const size_t size = 16 << 20;
    auto* bytes =
        static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t at = 0; at < size; at += 4096) bytes[at] = 1;
    return forever();
  });
  while (group_->stats().memoryUsage < 16u << 20) std::this_thread::sleep_for(1ms);
  Resources resources;
  resources.memory.limit = 4 << 20;
  resources.memory.checkBeforeUpdate = true;
  EXPECT_EQ(codeOf([&] { group_->update(resources); }), "ERR_CGROUP_LIMIT_INVALID");
  EXPECT_EQ(group_->oomKills(), 0u);
}

TEST_F(CgroupV2Controllers, AGroupThatGaveItsControllersToItsChildrenIsEnteredAtItsInit) {
  create();
  const std::string inner = directory() + "/init.scope";
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  const pid_t init = spawn(forever);
  ASSERT_EQ(writeFile(inner + "/cgroup.procs", std::to_string(init)), 0);
  ASSERT_EQ(writeFile(directory() + "/cgroup.subtree_control", "+pids"), 0);
  const pid_t other = ::fork();
  if (other == 0) forever();
  children_.push_back(other);
  openV2(*host().unified, path_)->join(other);
  EXPECT_NE(readFile(inner + "/cgroup.procs")->find(std::to_string(other)), std::string::npos);
}

TEST_F(CgroupV2Controllers, BelowAGroupWithProcessesNothingIsLimitedAndAllElseWorks) {
  create();
  spawn(forever);
  Hierarchy below = *host().unified;
  below.directory = directory();
  const auto inner = createV2(below, "inner", {});
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(inner->joinSelf() != 0 ? 9 : forever());
  children_.push_back(pid);
  EXPECT_TRUE(waitUntil(2s, [&] { return inner->processes() == std::vector<int>{pid}; }));
  Resources resources;
  resources.pidsLimit = 5;
  EXPECT_EQ(codeOf([&] { inner->update(resources); }), "ERR_CGROUP_CONTROLLER_MISSING");
  EXPECT_EQ(value("cgroup.type"), "domain");
  inner->kill();
  wait(pid);
  inner->remove();
}

TEST_F(CgroupV2Controllers, AControllerThatIsNotThereNamesItselfAndLeavesNothing) {
  Resources resources;
  resources.unified = {{"nonesuch.max", "1"}};
  EXPECT_EQ(codeOf([&] { create(resources); }), "ERR_CGROUP_CONTROLLER_MISSING");
  EXPECT_NE(::access(directory().c_str(), F_OK), 0);
}

}  // namespace
