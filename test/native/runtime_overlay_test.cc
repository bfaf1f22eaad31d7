// The overlay on kernels that lack what this one has: a seccomp filter takes it away.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "runtime/overlay.h"
#include "runtime/rootfs.h"
#include "runtime_bundle.h"
#include "sys/detached_mount.h"

namespace strake::runtime {
namespace {

class Overlay : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    if (IsSkipped()) return;
    useOverlay();
    writeFile(dir / "top/etc/which", "top");
    rootfsOf.lower = {{.directory = dir / "top"}, {.directory = rootfs()}};
  }

  /// Makes fsconfig(2) answer `error` to `commands`, as a kernel does that does not know them here.
  static void refuse(std::initializer_list<uint64_t> commands, uint32_t error) {
    seccomp::Profile profile;
    for (uint64_t command : commands)
      profile.syscalls.push_back(
          {{"fsconfig"}, seccomp::Action::errnoReturn, error, {{1, command, 0, seccomp::Op::equal}}});
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (seccomp::install(seccomp::compile(profile)) != 0) _exit(90);
  }

  /// 0 when the overlay can be read and written, in a mount namespace of its own.
  int mountedWhereRefused(std::initializer_list<uint64_t> commands, bool mayAttach = true,
                          uint32_t error = EINVAL) {
    pid_t child = fork();
    if (child == 0) {
      if (unshare(CLONE_NEWNS) < 0) _exit(91);
      cutOffFromHost(spec);
      const std::string mounts = readFile("/proc/self/mountinfo");
      refuse(commands, error);
      try {
        sys::UniqueFd tree = mountOverlay(rootfsOf, -1, mayAttach);
        char text[3] = {};
        sys::UniqueFd file(openat(tree.get(), "etc/which", O_RDONLY));
        sys::UniqueFd made(openat(tree.get(), "etc/made", O_CREAT | O_WRONLY, 0644));
        bool works = read(file.get(), text, 3) == 3 && std::string(text, 3) == "top" && made;
        _exit(works && readFile("/proc/self/mountinfo") == mounts ? 0 : 1);
      } catch (const sys::Error& error) {
        _exit(error.code() == "ERR_OVERLAY_UNAVAILABLE" ? 2 : 3);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        _exit(4);
      }
    }
    return await(child);
  }
};

TEST_F(Overlay, TakesItsLayersByDescriptor) {
  EXPECT_EQ(mountedWhereRefused({99}), 0);
}

TEST_F(Overlay, TakesThemByNameWhereDescriptorsAreNotTaken) {
  sys::FsContext overlay("overlay");
  if (!overlay.setFd("lowerdir+", sys::UniqueFd(open("/", O_PATH)).get()) && overlay.textOnly())
    GTEST_SKIP() << "Linux before 6.5 takes layers neither by descriptor nor one by one";
  EXPECT_EQ(mountedWhereRefused({FSCONFIG_SET_FD}), 0);
  EXPECT_TRUE(fs::exists(dir / "upper/etc/made"));
}

TEST_F(Overlay, TakesThemInOneStringWhereOptionsAreText) {
  EXPECT_EQ(mountedWhereRefused({FSCONFIG_SET_FD}, true, EOPNOTSUPP), 0);
  EXPECT_TRUE(fs::exists(dir / "upper/etc/made"));
}

TEST_F(Overlay, TakesThemInOnePageWhereStringsAreTooShort) {
  for (int n = 0; n < 60; ++n) {
    fs::create_directories(dir / ("layer" + std::to_string(n)));
    rootfsOf.lower.insert(rootfsOf.lower.begin() + 1, {.directory = dir / ("layer" + std::to_string(n))});
  }
  EXPECT_EQ(mountedWhereRefused({FSCONFIG_SET_FD, FSCONFIG_SET_STRING}), 0);
  EXPECT_EQ(mountedWhereRefused({FSCONFIG_SET_FD, FSCONFIG_SET_STRING}, false), 2);
}

TEST_F(Overlay, AMissingLayerIsNamed) {
  rootfsOf.lower.push_back({.directory = dir / "absent"});
  LaunchError error = failure();
  EXPECT_EQ(error.step(), "rootfs");
  EXPECT_EQ(error.error(), ENOENT);
  EXPECT_NE(error.path().find("absent"), std::string::npos);
}

}  // namespace
}  // namespace strake::runtime
