// A container in its cgroup: joined before anything else is done, seen as the root of all cgroups inside,
// limits real.
#include "runtime_bundle.h"

namespace strake::runtime {
namespace {

class InCgroup : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    if (IsSkipped()) return;
    if (cgroup::layout() == cgroup::Layout::none) GTEST_SKIP() << "no cgroups are mounted here";
    cgroup::Resources resources;
    resources.pidsLimit = 20;
    try {
      group = cgroup::Cgroup::create("strake-test/runtime-" + std::to_string(getpid()), resources);
    } catch (const sys::Error& error) {
      GTEST_SKIP() << error.what();
    }
    fdsBefore = countFds();
    Mount mount;
    mount.destination = "/sys/fs/cgroup";
    mount.type = "cgroup";
    mount.options = {"ro", "nosuid", "nodev", "noexec"};
    addMount(mount);
  }
  void TearDown() override {
    RuntimeTest::TearDown();
    if (!group) return;
    std::vector<cgroup::Directory> directories = group->directories();
    group->kill();
    group->remove();
    for (const cgroup::Directory& directory : directories) {
      EXPECT_FALSE(fs::exists(directory.path)) << directory.path;
      rmdir(fs::path(directory.path).parent_path().c_str());
    }
  }
  LaunchRequest inGroup() {
    LaunchRequest asked = request();
    asked.cgroup = group.get();
    return asked;
  }

  std::unique_ptr<cgroup::Cgroup> group;
};

TEST_F(InCgroup, ItsOwnCgroupIsTheRootThatItSees) {
  // The hierarchies that the group is not part of keep the launcher's place, which is not below the
  // container's root.
  shell("cat /proc/self/cgroup");
  std::istringstream lines(run(inGroup()).out);
  std::vector<std::string> own;
  for (const cgroup::Directory& directory : group->directories())
    own.push_back(":" + directory.controllers + ":/");
  size_t atRoot = 0;
  for (std::string line; std::getline(lines, line);)
    for (const std::string& ending : own) atRoot += line.ends_with(ending);
  EXPECT_GE(atRoot, own.size() - 1);  // the unified hierarchy of a hybrid host has no name of its own
  spec.process.args = {"sleep", "100"};
  Sleeper container(launch(inGroup()));
  std::vector<int> members = group->processes();
  EXPECT_EQ(members, std::vector<int>{container.pid()});
}

TEST_F(InCgroup, TheCgroupMountShowsThatDirectoryAndIsReadOnly) {
  std::vector<cgroup::Directory> directories = group->directories();
  std::string name = directories[0].controllers.empty() ? "" : "/" + directories[0].controllers;
  shell("wc -l < /sys/fs/cgroup" + name + "/cgroup.procs; mkdir /sys/fs/cgroup" + name +
        "/x 2>&1 | grep -c Read-only");
  EXPECT_EQ(run(inGroup()).out, "2\n1\n");
}

TEST_F(InCgroup, ItsLimitIsReal) {
  shell("n=0; while [ $n -lt 40 ]; do sleep 5 & n=$((n+1)); done 2>&1 | head -1; true");
  EXPECT_NE(run(inGroup()).out.find("fork"), std::string::npos);
}

TEST_F(InCgroup, AnExecJoinsIt) {
  spec.process.args = {"sleep", "100"};
  Sleeper container(launch(inGroup()));
  Process process = spec.process;
  ExecRequest asked{
      .spec = spec, .process = process, .init = container.pid(), .initPidfd = container.pidfd()};
  asked.cgroup = group.get();
  Sleeper second(runtime::exec(asked));
  EXPECT_EQ(group->processes().size(), 2u);
}

}  // namespace
}  // namespace strake::runtime
