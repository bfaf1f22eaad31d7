// From a bundle to a running payload: namespaces, root file system, exec, and what is left behind (nothing).
#include <sys/prctl.h>
#include <sys/socket.h>

#include "runtime_bundle.h"

namespace strake::runtime {
namespace {

class Launch : public RuntimeTest {
 protected:
  Sleeper sleeper() {
    spec.process.args = {"sleep", "100"};
    return Sleeper(launch(request()));
  }
  static std::string own(const std::string& name) { return fs::read_symlink("/proc/self/ns/" + name); }
};

TEST_F(Launch, TheExitStatusAndOutputAreThePayloads) {
  Output output = run("echo hello; exit 7");
  EXPECT_EQ(output.exitCode, 7);
  EXPECT_EQ(output.out, "hello\n");
}

TEST_F(Launch, EveryNamespaceOfTheSpecIsNewAndEveryOtherShared) {
  Sleeper container = sleeper();
  for (const char* name : {"mnt", "pid", "uts", "ipc", "net", "cgroup"})
    EXPECT_NE(container.ns(name), own(name)) << name;
  for (const char* name : {"user", "time"}) EXPECT_EQ(container.ns(name), own(name)) << name;
}

TEST_F(Launch, ThePayloadIsPidOneAndSeesOnlyItself) {
  Output output = run("echo $$; ls /proc | grep -c '^[0-9]'");
  EXPECT_EQ(output.out.substr(0, 2), "1\n");
  EXPECT_LE(std::stoi(output.out.substr(2)), 3);
}

TEST_F(Launch, ANamespaceIsJoinedByPath) {
  Sleeper first = sleeper();
  std::string proc = "/proc/" + std::to_string(first.pid()) + "/ns/";
  for (auto kind : {NamespaceKind::network, NamespaceKind::ipc, NamespaceKind::uts, NamespaceKind::pid})
    dropNamespace(kind);
  addNamespace(NamespaceKind::network, proc + "net");
  addNamespace(NamespaceKind::ipc, proc + "ipc");
  addNamespace(NamespaceKind::uts, proc + "uts");
  addNamespace(NamespaceKind::pid, proc + "pid");
  spec.hostname.clear();
  Sleeper second = sleeper();
  for (const char* name : {"net", "ipc", "uts", "pid"}) EXPECT_EQ(second.ns(name), first.ns(name)) << name;
  EXPECT_NE(second.ns("mnt"), first.ns("mnt"));
  EXPECT_EQ(own("pid"), fs::read_symlink("/proc/self/ns/pid_for_children"))
      << "the launcher's own children are displaced";
}

TEST_F(Launch, APathOfAnotherKindOfNamespaceIsRefused) {
  dropNamespace(NamespaceKind::network);
  addNamespace(NamespaceKind::network, "/proc/self/ns/uts");
  EXPECT_EQ(failure().code(), "ERR_NAMESPACE_FAILED");
}

TEST_F(Launch, AJoinedMountNamespaceIsUsedAsItIs) {
  writeFile(rootfs() / "etc/marker", "first");
  Sleeper first = sleeper();
  std::string proc = "/proc/" + std::to_string(first.pid()) + "/ns/";
  dropNamespace(NamespaceKind::mount);
  addNamespace(NamespaceKind::mount, proc + "mnt");
  dropNamespace(NamespaceKind::pid);
  addNamespace(NamespaceKind::pid, proc + "pid");
  EXPECT_EQ(run("cat /etc/marker").out, "first");
}

TEST_F(Launch, LoopbackIsUpInANewNetworkNamespace) {
  EXPECT_NE(run("ifconfig lo").out.find("UP LOOPBACK RUNNING"), std::string::npos);
}

TEST_F(Launch, HostnameAndDomainnameAreSet) {
  spec.domainname = "example.org";
  EXPECT_EQ(run("hostname; cat /proc/sys/kernel/domainname").out, "box\nexample.org\n");
}

TEST_F(Launch, ATimeNamespaceHasItsOffsets) {
  addNamespace(NamespaceKind::time);
  spec.linux_.boottimeOffset = TimeOffset{86400 * 1000, 0};
  double up = std::stod(readFile("/proc/uptime"));
  EXPECT_GT(std::stod(run("cat /proc/uptime").out), up + 86400 * 999);
  EXPECT_EQ(own("time"), fs::read_symlink("/proc/self/ns/time_for_children"));
}

TEST_F(Launch, NothingOfTheHostsRootCanBeReached) {
  Output output = run("ls /; cd ..; cd ..; pwd; cat /proc/mounts | grep -c ' / '");
  EXPECT_EQ(output.out, "bin\ndev\netc\nproc\nsys\ntmp\nusr\n/\n1\n");
}

TEST_F(Launch, AnOverlayTakesTheWritesAndLeavesTheLowerLayerAlone) {
  useOverlay();
  EXPECT_EQ(run("echo new > /etc/new; rm /etc/group; echo changed > /etc/passwd; cat /etc/new").out, "new\n");
  EXPECT_FALSE(fs::exists(rootfs() / "etc/new"));
  EXPECT_TRUE(fs::exists(rootfs() / "etc/group"));
  EXPECT_EQ(readFile(dir / "upper/etc/new"), "new\n");
  EXPECT_EQ(run("cat /etc/new").out, "new\n");
}

TEST_F(Launch, TheTopmostLowerLayerWins) {
  useOverlay();
  writeFile(dir / "top/etc/which", "top");
  writeFile(dir / "a:b,c\\d/etc/which", "odd name");
  writeFile(rootfs() / "etc/which", "bottom");
  rootfsOf.lower = {{.directory = dir / "top"}, {.directory = dir / "a:b,c\\d"}, {.directory = rootfs()}};
  EXPECT_EQ(run("cat /etc/which").out, "top");
  fs::remove_all(dir / "top/etc");
  EXPECT_EQ(run("cat /etc/which").out, "odd name") << "layer names are not to be parsed";
}

TEST_F(Launch, AVolatileOverlayCanBeMountedAgain) {
  useOverlay();
  rootfsOf.isVolatile = true;
  EXPECT_NE(run("mount; echo kept > /etc/kept").out.find("volatile"), std::string::npos);
  EXPECT_EQ(run("cat /etc/kept").out, "kept\n");
}

TEST_F(Launch, AnOverlayWithoutAnUpperDirectoryIsReadOnly) {
  fs::create_directories(rootfs() / "dev");
  for (const char* name : {"proc", "sys"}) fs::create_directories(rootfs() / name);
  rootfsOf.kind = Rootfs::Kind::overlay;
  rootfsOf.lower = {{.directory = rootfs()}};
  EXPECT_NE(run("touch /x").exitCode, 0);
  writeFile(dir / "top/etc/which", "top");
  rootfsOf.lower = {{.directory = dir / "top"}, {.directory = rootfs()}};
  EXPECT_EQ(run("cat /etc/which; touch /x").out.substr(0, 3), "top");
  EXPECT_FALSE(fs::exists(rootfs() / "x"));
}

TEST_F(Launch, AReadonlyRootRefusesWritesAndMountsOnItDoNot) {
  spec.root.readonly = true;
  addTmpfs("/run", {});
  EXPECT_NE(run("touch /etc/x").exitCode, 0);
  EXPECT_EQ(run("touch /run/x").exitCode, 0);
}

TEST_F(Launch, HiddenPathsAreCovered) {
  writeFile(rootfs() / "home/secret", "secret");
  writeFile(rootfs() / "etc/shadow", "secret");
  rootfsOf.hidden = {"/home", "/etc/shadow", "/absent"};
  addBind(rootfs() / "etc", "/home/etc", {"rbind", "ro"});
  EXPECT_EQ(run("ls /home; cat /etc/shadow; ls /home/etc | head -1").out, "etc\ngroup\n");
}

TEST_F(Launch, TheInitBinaryIsShownReadOnlyAndRunsThePayload) {
  LaunchRequest asked = request();
  writeFile(dir / "init", "#!/bin/sh\nshift\necho init \"$@\"; echo x >> /sbin/docker-init\n");
  fs::permissions(dir / "init", fs::perms::owner_all);
  asked.init = dir / "init";
  spec.process.args = {"echo", "hi"};
  Output output = run(asked);
  EXPECT_EQ(output.out.substr(0, 13), "init echo hi\n");
  EXPECT_NE(output.out.find("ead-only"), std::string::npos) << output.out;
}

TEST_F(Launch, AMissingProgramIsNotFound) {
  spec.process.args = {"nonesuch"};
  LaunchError error = failure();
  EXPECT_EQ(error.code(), "ERR_EXEC_NOT_FOUND");
  EXPECT_EQ(error.step(), "exec");
  spec.process.args = {"/bin/nonesuch"};
  EXPECT_EQ(failure().code(), "ERR_EXEC_NOT_FOUND");
}

TEST_F(Launch, AProgramWithoutTheExecuteBitIsRefused) {
  spec.process.args = {"/etc/passwd"};
  EXPECT_EQ(failure().code(), "ERR_EXEC_PERMISSION");
  spec.process.args = {"/bin"};
  EXPECT_EQ(failure().code(), "ERR_EXEC_PERMISSION");
}

TEST_F(Launch, AProgramForAnotherMachineIsSaidToBeOne) {
  std::string header(
      "\x7f"
      "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0",
      20);
  writeFile(rootfs() / "bin/foreign", header + std::string(100, '\0'));
  fs::permissions(rootfs() / "bin/foreign", fs::perms(0755));
  spec.process.args = {"foreign"};
  LaunchError error = failure();
  EXPECT_EQ(error.code(), "ERR_EXEC_FORMAT");
  EXPECT_NE(std::string(error.what()).find("arm64"), std::string::npos) << error.what();
}

TEST_F(Launch, AScriptWhoseInterpreterIsMissingSaysSo) {
  writeFile(rootfs() / "bin/script", "#!/usr/bin/python3\n");
  fs::permissions(rootfs() / "bin/script", fs::perms(0755));
  spec.process.args = {"script"};
  LaunchError error = failure();
  EXPECT_EQ(error.code(), "ERR_EXEC_NOT_FOUND");
  EXPECT_NE(std::string(error.what()).find("interpreter"), std::string::npos);
}

TEST_F(Launch, StoppedBeforeTheExecItRunsWithGo) {
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  sys::UniqueFd reading(pipe[0]), writing(pipe[1]);
  shell("echo ran");
  LaunchRequest asked = request();
  asked.stopBeforeExec = true;
  asked.stdio = {-1, pipe[1], pipe[1]};
  Launched launched = launch(asked);
  writing.reset();
  pollfd output{reading.get(), POLLIN, 0};
  EXPECT_EQ(poll(&output, 1, 50), 0);
  launched.go();
  EXPECT_EQ(finish(launched, reading.get()).out, "ran\n");
}

TEST_F(Launch, AFailureAfterGoIsReportedAndReaped) {
  writeFile(rootfs() / "bin/script", "#!/nonesuch\n");
  fs::permissions(rootfs() / "bin/script", fs::perms(0755));
  spec.process.args = {"script"};
  LaunchRequest asked = request();
  asked.stopBeforeExec = true;
  Launched launched = launch(asked);
  EXPECT_THROW(launched.go(), LaunchError);
}

TEST_F(Launch, DescriptorsOfTheLauncherStayOutAndPreservedOnesKeepTheirNumbers) {
  sys::UniqueFd leak(open("/etc", O_RDONLY));  // not close-on-exec
  sys::UniqueFd kept(fcntl(leak.get(), F_DUPFD, 50));
  shell("ls /proc/1/fd; true");
  LaunchRequest asked = request();
  asked.preservedFds = {kept.get()};
  EXPECT_EQ(run(asked).out, "0\n1\n2\n" + std::to_string(kept.get()) + "\n");
}

TEST_F(Launch, SignalsThatTheLauncherIgnoresOrBlocksAreNot) {
  spec.process.args = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"};
  signal(SIGUSR1, SIG_IGN);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  std::string status = run().out;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(Launch, TheInitDiesWithItsLauncher) {
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  sys::UniqueFd reading(pipe[0]), writing(pipe[1]);
  spec.process.args = {"sleep", "100"};
  LaunchRequest asked = request();
  asked.dieWithParent = true;
  asked.stdio = {-1, pipe[1], pipe[1]};
  pid_t launcher = fork();
  if (launcher == 0) {
    launch(asked);
    _exit(0);  // the init is left alone
  }
  writing.reset();
  EXPECT_EQ(await(launcher), 0);
  pollfd output{reading.get(), POLLIN, 0};
  EXPECT_EQ(poll(&output, 1, 5000), 1) << "the init still holds the pipe";
}

TEST_F(Launch, AStepTraceIsGivenWhenAskedFor) {
  LaunchRequest asked = request();
  asked.trace = true;
  Launched launched = launch(asked);
  await(launched.pid);
  ASSERT_GT(launched.trace.size(), 10u);
  EXPECT_EQ(launched.trace.back().step, "exec");
  for (size_t n = 1; n < launched.trace.size(); ++n)
    EXPECT_LE(launched.trace[n - 1].at, launched.trace[n].at);
}

TEST_F(Launch, AWorkingDirectoryThatIsAbsentIsMade) {
  useOverlay();
  spec.process.cwd = "/srv/app";
  EXPECT_EQ(run("pwd; stat -c %a /srv/app").out, "/srv/app\n755\n");
}

TEST_F(Launch, HooksRunInTheirOrderAndPlaces) {
  fs::path log = dir / "hooks.log";
  auto hook = [&](const std::string& name) {
    return Hook{
        "/bin/sh", {"sh", "-c", "read line; echo " + name + " $line >> " + log.string()}, {"PATH=/bin"}, {}};
  };
  spec.hooks.prestart = {hook("prestart")};
  spec.hooks.createRuntime = {hook("createRuntime")};
  spec.hooks.createContainer = {hook("createContainer")};
  spec.hooks.startContainer = {Hook{"/bin/sh", {"sh", "-c", "hostname > /tmp/inside"}, {"PATH=/bin"}, {}}};
  EXPECT_EQ(run("cat /tmp/inside").out, "box\n");
  std::istringstream lines(readFile(log));
  std::string line;
  for (const char* expected : {"prestart", "createRuntime", "createContainer"}) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line.substr(0, line.find(' ')), expected);
    EXPECT_NE(line.find("\"id\":\"test\""), std::string::npos) << line;
  }
}

TEST_F(Launch, AFailingHookFailsTheLaunchWithItsWords) {
  spec.hooks.createRuntime = {Hook{"/bin/sh", {"sh", "-c", "echo no way >&2; exit 3"}, {}, {}}};
  LaunchError error = failure();
  EXPECT_EQ(error.step(), "hook");
  EXPECT_NE(std::string(error.what()).find("no way"), std::string::npos) << error.what();
  spec.hooks.createRuntime = {Hook{"/bin/sleep", {"sleep", "100"}, {}, 1}};
  EXPECT_NE(std::string(failure().what()).find("timeout"), std::string::npos);
}

}  // namespace
}  // namespace strake::runtime
