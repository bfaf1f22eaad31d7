// What a payload may not do, seen from inside: capabilities, seccomp, no_new_privs, limits, masks, user.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "runtime_bundle.h"

namespace strake::runtime {
namespace {

class Confinement : public RuntimeTest {
 protected:
  std::string status(const std::string& pattern) {
    return run("grep -E '^(" + pattern + ")' /proc/self/status").out;
  }
};

constexpr uint64_t chown = 1 << 0, kill = 1 << 5, netRaw = 1 << 13;

TEST_F(Confinement, TheCapabilitySetsOfRootAreExact) {
  spec.process.capabilities = {.bounding = chown | kill,
                               .effective = chown | kill,
                               .inheritable = 0,
                               .permitted = chown | kill,
                               .ambient = 0};
  EXPECT_EQ(status("Cap"),
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000021\nCapEff:\t0000000000000021\n"
            "CapBnd:\t0000000000000021\nCapAmb:\t0000000000000000\n");
}

TEST_F(Confinement, AnotherUserHasNoneButTheAmbientOnes) {
  spec.process.user.uid = 1000;
  spec.process.capabilities = {.bounding = chown | netRaw,
                               .effective = chown,
                               .inheritable = netRaw,
                               .permitted = chown | netRaw,
                               .ambient = netRaw};
  EXPECT_EQ(status("Cap"),
            "CapInh:\t0000000000002000\nCapPrm:\t0000000000002000\nCapEff:\t0000000000002000\n"
            "CapBnd:\t0000000000002001\nCapAmb:\t0000000000002000\n");
  spec.process.capabilities.ambient = spec.process.capabilities.inheritable = 0;
  EXPECT_EQ(status("CapEff"), "CapEff:\t0000000000000000\n");
}

TEST_F(Confinement, NoNewPrivilegesIsSetAndOnlyWhenAskedFor) {
  EXPECT_EQ(status("NoNewPrivs"), "NoNewPrivs:\t1\n");
  spec.process.noNewPrivileges = false;
  EXPECT_EQ(status("NoNewPrivs"), "NoNewPrivs:\t0\n");
}

seccomp::Profile refusing(const std::string& name) {
  seccomp::Profile profile;
  profile.syscalls.push_back({{name}, seccomp::Action::errnoReturn, ENOTTY, {}});
  return profile;
}

TEST_F(Confinement, ASeccompFilterHoldsWithAndWithoutNoNewPrivileges) {
  spec.linux_.seccomp = refusing("mkdir");
  for (bool noNewPrivileges : {true, false}) {
    for (uint32_t uid : {0U, 1000U}) {
      spec.process.noNewPrivileges = noNewPrivileges;
      spec.process.user.uid = uid;
      Output output = run("grep -E '^(Seccomp:|CapEff)' /proc/self/status; mkdir /tmp/x");
      EXPECT_EQ(output.exitCode, 1);
      EXPECT_NE(output.out.find("Seccomp:\t2"), std::string::npos) << output.out;
      EXPECT_NE(output.out.find("Inappropriate ioctl"), std::string::npos) << output.out;
      EXPECT_NE(output.out.find(uid ? "CapEff:\t0000000000000000" : "CapEff:\t0000000000000023"),
                std::string::npos)
          << "CAP_SYS_ADMIN may not outlive the exec: " << output.out;
    }
  }
}

TEST_F(Confinement, TheSeccompAgentIsGivenTheNotificationDescriptor) {
  sys::UniqueFd server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (dir / "agent").c_str());
  ASSERT_EQ(bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(server.get(), 1), 0);
  seccomp::Profile profile = refusing("mkdir");
  profile.syscalls[0].action = seccomp::Action::notify;
  profile.syscalls[0].errnoRet.reset();
  profile.listenerPath = dir / "agent";
  profile.listenerMetadata = "word";
  spec.linux_.seccomp = profile;
  EXPECT_EQ(run("true").exitCode, 0);
  sys::UniqueFd agent(accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char text[4096] = {};
  ASSERT_GT(read(agent.get(), text, sizeof text - 1), 0);
  EXPECT_NE(std::string(text).find(R"("metadata":"word")"), std::string::npos) << text;
  EXPECT_NE(std::string(text).find(R"("id":"test")"), std::string::npos) << text;
}

TEST_F(Confinement, LimitsAreSet) {
  spec.process.rlimits = {{RLIMIT_NOFILE, "RLIMIT_NOFILE", 20, 30}, {RLIMIT_CORE, "RLIMIT_CORE", 0, 0}};
  EXPECT_EQ(run("ulimit -Sn; ulimit -Hn; ulimit -c").out, "20\n30\n0\n");
  EXPECT_TRUE(warnings.empty());
}

TEST_F(Confinement, ALimitThatMayNotBeRaisedIsLoweredToWhatIsAllowedWithAWarning) {
  rlimit before;
  getrlimit(RLIMIT_MEMLOCK, &before);
  if (before.rlim_max == RLIM_INFINITY)
    GTEST_SKIP() << "RLIMIT_MEMLOCK is unlimited here: there is nothing above it";
  spec.process.rlimits = {{RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", RLIM_INFINITY, RLIM_INFINITY}};
  EXPECT_EQ(run("true").exitCode, 0);
  bool mayRaise = setrlimit(RLIMIT_MEMLOCK, &before) == 0 && warnings.empty();
  if (!mayRaise) {
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, "ERR_RLIMIT_FAILED");
  }
}

TEST_F(Confinement, MaskedPathsAreEmptyAndReadonlyPathsRefuseWrites) {
  spec.linux_.maskedPaths.push_back("/etc");
  EXPECT_EQ(run("cat /proc/keys /proc/timer_list; ls /proc/acpi /sys/firmware /etc | grep -v :").out, "\n\n");
  spec.process.capabilities.bounding = spec.process.capabilities.effective =
      spec.process.capabilities.permitted = ~0ULL >> 23;
  EXPECT_NE(run("echo 1 > /proc/sys/net/ipv4/ip_forward").exitCode, 0);
  EXPECT_NE(run("echo x > /proc/sysrq-trigger").exitCode, 0);
}

TEST_F(Confinement, AMaskCannotBeUsedToChangeTheHostsNullDevice) {
  spec.process.capabilities.bounding = spec.process.capabilities.effective =
      spec.process.capabilities.permitted = 0xff;
  EXPECT_NE(run("chmod 000 /proc/keys").exitCode, 0);
  struct stat null;
  ASSERT_EQ(stat("/dev/null", &null), 0);
  EXPECT_EQ(null.st_mode & 0777, 0666u);
}

TEST_F(Confinement, ADevNullOfTheImageIsNotTrusted) {
  // CVE-2025-31133: the mask is the host's verified device, whatever the root file system has at /dev/null.
  std::erase_if(spec.mounts, [](const Mount& mount) { return mount.destination.starts_with("/dev"); });
  fs::create_directories(rootfs() / "dev");
  fs::create_symlink("/proc/sys/kernel/core_pattern", rootfs() / "dev/null");
  LaunchError error = failure();
  EXPECT_EQ(error.code(), "ERR_DEVICE_INVALID");
}

TEST_F(Confinement, SysctlsOfOwnNamespacesAreWrittenAndAllOthersRefused) {
  spec.linux_.sysctl = {
      {"net.ipv4.ip_forward", "1"}, {"kernel.shmmni", "77"}, {"net/ipv4/ip_default_ttl", "33"}};
  EXPECT_EQ(
      run("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni /proc/sys/net/ipv4/ip_default_ttl").out,
      "1\n77\n33\n");
  for (const char* name :
       {"kernel.core_pattern", "vm.swappiness", "net..ipv4", "kernel.semx", "net.ipv4/../../kernel.panic"}) {
    spec.linux_.sysctl = {{name, "1"}};
    EXPECT_EQ(failure().code(), "ERR_SYSCTL_FAILED") << name;
  }
  dropNamespace(NamespaceKind::network);
  spec.linux_.sysctl = {{"net.ipv4.ip_forward", "1"}};
  addNamespace(NamespaceKind::network, "/proc/self/ns/net");  // the host's, by another name
  EXPECT_EQ(failure().code(), "ERR_SYSCTL_FAILED");
  dropNamespace(NamespaceKind::network);
  LaunchError error = failure();
  EXPECT_EQ(error.code(), "ERR_SYSCTL_FAILED");
  EXPECT_NE(std::string(error.what()).find("network namespace"), std::string::npos);
}

TEST_F(Confinement, TheOomScoreIsSetOrWarnedAbout) {
  spec.process.oomScoreAdj = 500;
  EXPECT_EQ(run("cat /proc/self/oom_score_adj").out, "500\n");
  spec.process.oomScoreAdj = -900;
  EXPECT_TRUE(run("cat /proc/self/oom_score_adj").out == "-900\n" || warnings.size() == 1);
}

TEST_F(Confinement, UmaskAndGroupsAreTheSpecs) {
  spec.process.user.umask = 027;
  spec.process.user.gid = 7;
  spec.process.user.additionalGids = {10, 20};
  EXPECT_EQ(run("umask; id -G").out, "0027\n7 10 20\n");
}

TEST_F(Confinement, AUserByNameHasItsGroupsAndHome) {
  user.user = "app";
  user.groups = {"audio", "555"};
  EXPECT_EQ(run("id -u; id -g; id -G; echo $HOME").out, "1000\n1001\n1001 29 44 555\n/home/app\n");
  user = {"app:audio", {}};
  EXPECT_EQ(run("id -u; id -G").out, "1000\n29\n");
  spec.process.env.push_back("HOME=/given");
  EXPECT_EQ(run("echo $HOME").out, "/given\n");
}

TEST_F(Confinement, AnUnknownUserOrGroupIsNamed) {
  user.user = "nobody";
  EXPECT_EQ(failure().code(), "ERR_USER_NOT_FOUND");
  user.user = "app:nogroup";
  EXPECT_EQ(failure().code(), "ERR_GROUP_NOT_FOUND");
  user = {"4294967296", {}};
  EXPECT_EQ(failure().code(), "ERR_USER_NOT_FOUND");
}

TEST_F(Confinement, APasswdThatIsADeviceAPipeOrALinkOutIsNotRead) {
  fs::remove(rootfs() / "etc/passwd");
  ASSERT_EQ(mkfifo((rootfs() / "etc/passwd").c_str(), 0644), 0);
  EXPECT_EQ(run("echo $HOME").out, "/\n");
  fs::remove(rootfs() / "etc/passwd");
  fs::create_symlink("/proc/self/fd/3", rootfs() / "etc/passwd");
  EXPECT_EQ(run("echo $HOME").out, "/\n");
}

TEST_F(Confinement, TheHostsNullDeviceIsNotGivenToThePayload) {
  struct stat host;
  ASSERT_EQ(stat("/dev/null", &host), 0);
  sys::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  sys::UniqueFd reading(pipe[0]), writing(pipe[1]);
  shell("stat -L -c '%d %t:%T' /proc/self/fd/0 /proc/self/fd/2; stat -c '%d %t:%T' /dev/null");
  LaunchRequest asked = request();
  asked.stdio = {null.get(), writing.get(), null.get()};
  Launched launched = launch(asked);
  writing.reset();
  std::string own = finish(launched, reading.get()).out;
  std::string line = own.substr(0, own.find('\n') + 1);
  EXPECT_NE(line, std::to_string(host.st_dev) + " 1:3\n");
  EXPECT_EQ(own, line + line + line);
}

TEST_F(Confinement, ADirectoryThatTheLauncherHasOpenIsNoWayOutForTheProgram) {
  // CVE-2024-21626 with the program, and with the interpreter of a script, in place of the working directory.
  fs::create_directories(dir / "host");
  fs::copy_file("/bin/busybox", dir / "host/busybox");
  sys::UniqueFd leaked(open((dir / "host").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string outside = "/proc/self/fd/" + std::to_string(leaked.get()) + "/busybox";
  spec.process.args = {outside, "true"};
  EXPECT_EQ(failure().code(), "ERR_EXEC_NOT_FOUND");
  writeFile(rootfs() / "script", "#!" + outside + " true\n");
  fs::permissions(rootfs() / "script", fs::perms(0755));
  spec.process.args = {"/script"};
  EXPECT_EQ(failure().code(), "ERR_EXEC_NOT_FOUND");
}

TEST_F(Confinement, AUserCanOpenItsOwnOutputAgain) {
  user.user = "app";
  EXPECT_EQ(run("echo again > /dev/stdout").out, "again\n");
}

TEST_F(Confinement, ACwdThatOnlyTheUserMayEnterIsEntered) {
  fs::create_directories(rootfs() / "home/app");
  ASSERT_EQ(::chown((rootfs() / "home/app").c_str(), 1000, 1001), 0);
  fs::permissions(rootfs() / "home/app", fs::perms(0700));
  spec.process.cwd = "/home/app";
  spec.process.capabilities = {};
  user.user = "app";
  EXPECT_EQ(run("pwd").out, "/home/app\n");
}

}  // namespace
}  // namespace strake::runtime
