// A group of its own for each test, below strake-test in whatever this host has; nothing is left of it.
#pragma once
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "cgroup/cgroup.h"
#include "cgroup/files.h"
#include "cgroup/host.h"
#include "sys/error.h"

namespace strake::test {

using cgroup::Cgroup;
using cgroup::Resources;

inline std::string uniquePath(const char* name) {
  return "strake-test/" + std::string(name) + "-" + std::to_string(::getpid());
}

class CgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "cgroups are made by root";
    if (cgroup::layout() == cgroup::Layout::none) GTEST_SKIP() << "no cgroups are mounted here";
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
    for (const auto& hierarchy : hierarchies()) ::rmdir((hierarchy.directory + "/strake-test").c_str());
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

  /// Where groups are made: in every v1 hierarchy, or in the one of v2.
  static std::vector<cgroup::Hierarchy> hierarchies() {
    if (cgroup::layout() == cgroup::Layout::v2) return {*cgroup::host().unified};
    return cgroup::host().v1;
  }

  /// The group's directory that has the files of `controller`.
  std::string directory(const std::string& controller) const {
    for (const auto& hierarchy : hierarchies())
      if (cgroup::layout() == cgroup::Layout::v2 || hierarchy.has(controller))
        return hierarchy.directory + "/" + path_;
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

inline int forever() {
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

}  // namespace strake::test
