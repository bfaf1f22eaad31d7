// Mounts, devices and terminals inside a container.
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "runtime_bundle.h"

namespace strake::runtime {
namespace {

class Mounts : public RuntimeTest {
 protected:
  fs::path volume() {
    writeFile(dir / "volume/file", "content\n");
    return dir / "volume";
  }
  /// The options of /proc/mounts for a place.
  std::string optionsOf(const std::string& place) { return run("grep ' " + place + " ' /proc/mounts").out; }
};

TEST_F(Mounts, TheStandardFileSystemsHaveTheirOptions) {
  std::string mounts = run("cat /proc/mounts").out;
  for (const char* line :
       {" /proc proc rw,nosuid,nodev,noexec", " /dev tmpfs rw,nosuid", " /dev/pts devpts rw,nosuid,noexec",
        " /dev/shm tmpfs rw,nosuid,nodev,noexec", " /dev/mqueue mqueue rw,nosuid,nodev,noexec",
        " /sys sysfs ro,nosuid,nodev,noexec", " /proc/sys proc ro,nosuid,nodev,noexec"})
    EXPECT_NE(mounts.find(line), std::string::npos) << line << "\n" << mounts;
}

TEST_F(Mounts, ABindHasTheOptionsThatAreAskedFor) {
  addBind(volume(), "/a", {"rbind", "ro", "nosuid", "nodev", "noexec", "noatime"});
  addBind(volume(), "/b", {"bind"});
  addBind(volume() / "file", "/etc/one-file", {"bind", "ro"});
  EXPECT_NE(optionsOf("/a").find("ro,nosuid,nodev,noexec,noatime"), std::string::npos) << optionsOf("/a");
  Output output = run("cat /a/file /etc/one-file; echo more >> /b/file; touch /a/x; echo x >> /etc/one-file");
  EXPECT_EQ(output.out.substr(0, 16), "content\ncontent\n");
  EXPECT_EQ(readFile(volume().parent_path() / "volume/file"), "content\n");  // volume() wrote it anew
}

TEST_F(Mounts, AReadonlyBindCanBeReadonlyAllTheWayDown) {
  fs::create_directories(volume() / "inner");
  addTmpfs("/outer", {});
  Mount inner;
  addBind("/dev", "/hostdev", {"rbind", "rro", "private"});
  EXPECT_NE(run("touch /hostdev/shm/strake-test").exitCode, 0);
}

TEST_F(Mounts, ATmpfsHasItsSizeAndModeOrTheModeOfWhatItCovers) {
  fs::create_directories(rootfs() / "sticky");
  fs::permissions(rootfs() / "sticky", fs::perms(01777));
  addTmpfs("/sticky", {});
  addTmpfs("/small", {"size=64k", "mode=700", "noexec"});
  EXPECT_EQ(run("stat -c %a /sticky /small").out, "1777\n700\n");
  EXPECT_NE(run("dd if=/dev/zero of=/small/x bs=1k count=100").exitCode, 0);
}

TEST_F(Mounts, ATmpfsWithCopyUpStartsWithWhatItCovers) {
  writeFile(rootfs() / "data/deep/file", "kept\n");
  fs::create_symlink("deep/file", rootfs() / "data/link");
  fs::permissions(rootfs() / "data/deep/file", fs::perms(0640));
  ASSERT_EQ(chown((rootfs() / "data/deep/file").c_str(), 5, 6), 0);
  addTmpfs("/data", {"tmpcopyup"});
  EXPECT_EQ(run("cat /data/link; stat -c '%a %u %g' /data/deep/file; echo new > /data/deep/file").out,
            "kept\n640 5 6\n");
  EXPECT_EQ(readFile(rootfs() / "data/deep/file"), "kept\n");
}

TEST_F(Mounts, AnUnknownOptionIsRefusedWithTheKernelsWords) {
  addTmpfs("/x", {"nonesuch=1"});
  LaunchError error = failure();
  EXPECT_EQ(error.code(), "ERR_MOUNT_FAILED");
  EXPECT_NE(std::string(error.what()).find("nonesuch"), std::string::npos) << error.what();
}

TEST_F(Mounts, AMissingSourceIsNamed) {
  addBind(dir / "absent", "/x", {"bind"});
  LaunchError error = failure();
  EXPECT_EQ(error.code(), "ERR_MOUNT_SOURCE_NOT_FOUND");
  EXPECT_NE(std::string(error.what()).find("absent"), std::string::npos);
}

TEST_F(Mounts, ARelativeSourceIsBelowTheBundle) {
  volume();
  addBind("volume", "/v", {"bind"});
  EXPECT_EQ(run("cat /v/file").out, "content\n");
}

// CVE-2021-30465 and its kind: a link of the image as the target, absolute, relative, dangling, in the
// middle.
TEST_F(Mounts, ATargetThatIsASymlinkStaysInsideTheRoot) {
  fs::path outside = dir / "outside";
  fs::create_directories(outside);
  fs::create_symlink(outside, rootfs() / "absolute");
  fs::create_symlink("../../../../../../../.." + outside.string(), rootfs() / "relative");
  fs::create_symlink("/missing/place", rootfs() / "dangling");
  fs::create_symlink("..", rootfs() / "up");
  for (const char* target : {"/absolute/x", "/relative/y", "/dangling", "/up/up/up/z", "/../../w"})
    addBind(volume(), target, {"bind"});
  EXPECT_EQ(run("cat /missing/place/file /z/file /w/file").out, "content\ncontent\ncontent\n");
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_FALSE(fs::exists(dir / "z"));
}

TEST_F(Mounts, ALoopOfSymlinksIsAnError) {
  fs::create_symlink("/two", rootfs() / "one");
  fs::create_symlink("/one", rootfs() / "two");
  addBind(volume(), "/one/x", {"bind"});
  EXPECT_EQ(failure().code(), "ERR_MOUNT_FAILED");
}

// CVE-2019-16884, CVE-2019-19921: whoever covers a file of /proc swallows what is written there.
TEST_F(Mounts, ATargetInsideProcIsRefusedUnlessHarmless) {
  fs::create_symlink("/proc/self/attr", rootfs() / "innocent");
  for (const char* target : {"/proc/self/attr", "/proc/sys", "/innocent", "/proc/1"}) {
    addBind(volume(), target, {"bind"});
    EXPECT_EQ(failure().code(), "ERR_MOUNT_UNSAFE") << target;
    spec.mounts.pop_back();
  }
  addBind(volume(), "/innocent/x", {"bind"});
  EXPECT_EQ(failure().code(), "ERR_MOUNT_FAILED") << "nothing can be created there";
  spec.mounts.pop_back();
  addBind(volume() / "file", "/proc/meminfo", {"bind", "ro"});
  EXPECT_EQ(run("cat /proc/meminfo").out, "content\n");
}

TEST_F(Mounts, ATerminalIsNotMountedThroughALinkOfTheImage) {
  std::erase_if(spec.mounts, [](const Mount& mount) { return mount.destination == "/dev"; });
  fs::create_directories(rootfs() / "dev");
  fs::create_symlink("/proc/sysrq-trigger", rootfs() / "dev/console");
  spec.process.terminal = true;
  EXPECT_EQ(failure().code(), "ERR_MOUNT_UNSAFE");
}

TEST_F(Mounts, AVolumeWhoseFillingDiedIsFilledAnew) {
  writeFile(rootfs() / "data/one", "1");
  writeFile(rootfs() / "data/two", "2");
  fs::create_directories(dir / "new");
  addBind(dir / "new", "/data", {"rbind", "tmpcopyup"});
  writeFile(dir / "new/one", "half");
  EXPECT_EQ(run("cat /data/*").out, "half") << "what is not empty is somebody's";
  if (setxattr((dir / "new").c_str(), "trusted.strake.unfinished", "", 0, 0) < 0)
    GTEST_SKIP() << "this file system has no trusted attributes";
  EXPECT_EQ(run("cat /data/*").out, "12");
  EXPECT_LT(getxattr((dir / "new").c_str(), "trusted.strake.unfinished", nullptr, 0), 0);
}

TEST_F(Mounts, ContainersThatStartAtOnceWithANewVolumeAllSeeAllOfIt) {
  for (int n = 0; n < 300; ++n) writeFile(rootfs() / "data" / std::to_string(n), "");
  fs::create_directories(dir / "new");
  addBind(dir / "new", "/data", {"rbind", "tmpcopyup"});
  useOverlay();
  rootfsOf.upper = rootfsOf.work = "";  // without an upper one, read-only, as it is shared
  spec.mounts.erase(spec.mounts.begin(), spec.mounts.end() - 1);
  for (const char* name : {"dev", "proc"}) fs::create_directories(rootfs() / name);
  addTmpfs("/dev", {});
  shell("set -- /data/*; test $# = 300");
  std::vector<pid_t> children;
  for (int n = 0; n < 4; ++n) {
    children.push_back(fork());
    if (children.back() == 0) _exit(run().exitCode);
  }
  for (pid_t child : children) EXPECT_EQ(await(child), 0);
}

TEST_F(Mounts, AProcThatIsASymlinkOfTheImageIsRefused) {
  fs::create_directories(rootfs() / "other");
  fs::create_symlink("other", rootfs() / "proc");
  EXPECT_EQ(failure().code(), "ERR_MOUNT_UNSAFE");
}

TEST_F(Mounts, PropagationIsPrivateUnlessAskedFor) {
  addBind(volume(), "/v", {"rbind", "rslave"});
  std::string info = run("cat /proc/self/mountinfo").out;
  EXPECT_EQ(info.find("shared:"), std::string::npos) << info;
  spec.mounts.back().options = {"rbind", "rshared"};
  info = run("grep ' /v ' /proc/self/mountinfo").out;
  EXPECT_NE(info.find("shared:"), std::string::npos) << info;
}

TEST_F(Mounts, AMountInsideASharedBindReachesTheHostsPeerOnly) {
  // In a mount namespace of the test's own: the "host" whose mount is shared.
  pid_t child = fork();
  if (child == 0) {
    unshare(CLONE_NEWNS);
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    fs::path shared = volume();
    ::mount("tmpfs", shared.c_str(), "tmpfs", 0, nullptr);
    ::mount("none", shared.c_str(), nullptr, MS_SHARED, nullptr);
    addBind(shared, "/v", {"rbind", "rshared"});
    spec.process.capabilities.bounding = spec.process.capabilities.effective =
        spec.process.capabilities.permitted = 0x200023;
    Output output = run("mkdir /v/in && mount -t tmpfs none /v/in && touch /v/in/seen");
    bool reached = fs::exists(shared / "in/seen");
    std::string mounts = readFile("/proc/self/mountinfo");
    _exit(output.exitCode != 0 ? 1 : !reached ? 2 : mounts.find("/bin/") != std::string::npos ? 3 : 0);
  }
  EXPECT_EQ(await(child), 0);
}

TEST_F(Mounts, LeavingTheHostsRootBehindUnmountsNothingOfTheHost) {
  // A mount on a shared one, elsewhere: detached with the old root, it may not go from the host.
  pid_t child = fork();
  if (child == 0) {
    unshare(CLONE_NEWNS);
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    fs::path shared = volume(), inner = shared / "inner";
    ::mount("tmpfs", shared.c_str(), "tmpfs", 0, nullptr);
    ::mount("none", shared.c_str(), nullptr, MS_SHARED, nullptr);
    fs::create_directories(inner);
    ::mount("tmpfs", inner.c_str(), "tmpfs", 0, nullptr);
    writeFile(inner / "file", "");
    fs::create_directories(dir / "bound");
    addBind(dir / "bound", "/v", {"rbind", "rshared"});
    int exitCode = run("true").exitCode;
    _exit(exitCode != 0 ? 1 : fs::exists(inner / "file") ? 0 : 2);
  }
  EXPECT_EQ(await(child), 0);
}

TEST_F(Mounts, DefaultDevicesAndLinksAreThere) {
  EXPECT_EQ(
      run("stat -c '%n %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty").out,
      "/dev/null 1:3 666\n/dev/zero 1:5 666\n/dev/full 1:7 666\n/dev/random 1:8 666\n/dev/urandom 1:9 666\n"
      "/dev/tty 5:0 666\n");
  EXPECT_EQ(run("for l in fd stdin ptmx; do readlink /dev/$l; done; echo x > /dev/null; head -c 3 /dev/zero "
                "| wc -c")
                .out,
            "/proc/self/fd\n/proc/self/fd/0\npts/ptmx\n3\n");
}

TEST_F(Mounts, DevicesOfTheSpecAreMade) {
  spec.linux_.devices = {{"/dev/net/tun", 'c', 10, 200, 0600, 3, 4}, {"/dev/pipe", 'p', 0, 0, 0644, 0, 0}};
  EXPECT_EQ(run("stat -c '%t:%T %a %u %g' /dev/net/tun; stat -c %F /dev/pipe").out, "a:c8 600 3 4\nfifo\n");
}

TEST_F(Mounts, ATerminalIsAPtyOfTheContainersOwnAndItsControllingOne) {
  spec.process.terminal = true;
  spec.process.consoleSize = {40, 120};
  user.user = "app";
  shell("tty; stty size; ls -l /dev/console | head -c 10; echo; stat -c %U $(tty); echo hi > /dev/tty");
  Launched launched = launch(request());
  ASSERT_TRUE(launched.console);
  EXPECT_EQ(finish(launched, launched.console.get()).out,
            "/dev/pts/0\r\n40 120\r\ncrw--w----\r\napp\r\nhi\r\n");
}

TEST_F(Mounts, ADevptsThatIsNoneIsRefused) {
  std::erase_if(spec.mounts, [](const Mount& mount) { return mount.destination == "/dev/pts"; });
  fs::create_directories(volume());
  ASSERT_EQ(mknod((dir / "volume/ptmx").c_str(), S_IFCHR | 0666, makedev(5, 2)), 0);
  addBind(dir / "volume", "/dev/pts", {"bind"});
  spec.process.terminal = true;
  EXPECT_EQ(failure().code(), "ERR_MOUNT_UNSAFE");
}

class UserNamespace : public Mounts {
 protected:
  void SetUp() override {
    Mounts::SetUp();
    if (IsSkipped()) return;
    addNamespace(NamespaceKind::user);
    spec.linux_.uidMappings = spec.linux_.gidMappings = {{0, 100000, 65536}};
    useOverlay();
  }
};

TEST_F(UserNamespace, RootInsideIsNobodyOutsideAndLayersAreIdmapped) {
  Output output =
      run("cat /proc/self/uid_map /proc/self/gid_map; stat -c %u /bin/busybox; touch /etc/new; stat -c %u "
          "/etc/new");
  EXPECT_EQ(output.exitCode, 0) << output.out;
  EXPECT_NE(output.out.find("100000      65536"), std::string::npos) << output.out;
  EXPECT_EQ(output.out.substr(output.out.size() - 4), "0\n0\n");
  struct stat info;
  ASSERT_EQ(stat((dir / "upper/etc/new").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
}

TEST_F(UserNamespace, IsJoinedByPathAndOwnsTheNewNamespaces) {
  spec.process.args = {"sleep", "100"};
  Sleeper first(launch(request()));
  std::erase_if(spec.linux_.namespaces, [](const Namespace& ns) { return ns.kind == NamespaceKind::user; });
  addNamespace(NamespaceKind::user, "/proc/" + std::to_string(first.pid()) + "/ns/user");
  spec.linux_.uidMappings = spec.linux_.gidMappings = {};
  rootfsOf.upper = dir / "upper2";
  rootfsOf.work = dir / "work2";
  fs::create_directories(rootfsOf.upper);
  fs::create_directories(rootfsOf.work);
  Output output = run("readlink /proc/self/ns/user; echo $$; touch /etc/x && stat -c %u /etc/x");
  EXPECT_EQ(output.out, first.ns("user") + "\n1\n0\n");
}

TEST_F(UserNamespace, WithoutRootMappedIsRefused) {
  spec.linux_.uidMappings = {{1, 100000, 10}};
  EXPECT_EQ(failure().code(), "ERR_SPEC_INVALID");
}

TEST_F(UserNamespace, DevicesAreTheHostsAndUsable) {
  EXPECT_EQ(run("echo x > /dev/null && head -c 2 /dev/zero | wc -c; ls -l /dev/null | head -c 10").out,
            "2\ncrw-rw-rw-");
}

TEST_F(UserNamespace, ABindThatOnlyTheHostsRootMayReachIsMounted) {
  fs::create_directories(dir / "private");
  fs::permissions(dir / "private", fs::perms(0700));
  writeFile(dir / "private/v/file", "content\n");
  fs::permissions(dir, fs::perms(0700));
  addBind(dir / "private/v", "/v", {"bind"});
  EXPECT_EQ(run("cat /v/file").out, "content\n");
}

TEST_F(UserNamespace, AnIdmappedBindShowsTheContainersOwners) {
  addBind(volume(), "/plain", {"bind"});
  addBind(volume(), "/mapped", {"bind", "idmap"});
  EXPECT_EQ(run("stat -c %u /plain/file /mapped/file").out, "65534\n0\n");
}

TEST_F(Mounts, AnIdmappedBindNeedsNoUserNamespaceWithMappingsOfItsOwn) {
  addBind(volume(), "/mapped", {"bind"});
  spec.mounts.back().idmap.uids = spec.mounts.back().idmap.gids = {{0, 1234, 10}};
  EXPECT_EQ(run("stat -c %u:%g /mapped/file").out, "1234:1234\n");
}

}  // namespace
}  // namespace strake::runtime
