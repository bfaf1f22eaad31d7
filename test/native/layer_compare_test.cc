#include "layer/compare_trees.h"

#include "layer_fixture.h"

namespace strake::layer::test {
namespace {

class CompareTest : public LayerTest {
 protected:
  void SetUp() override {
    LayerTest::SetUp();
    if (root_.empty()) return;
    make("expected");
    make("actual");
  }

  void make(const std::string& name) {
    target_ = root_ + "/" + name;
    std::filesystem::create_directory(target_);
    apply(TarBuilder()
              .directory("./")
              .directory("a")
              .pax({{"SCHILY.xattr.user.note", "kept"}})
              .file("a/file", std::string(300000, 'x'))
              .hardLink("a/link", "a/file")
              .symlink("a/symlink", "file")
              .add({.path = "dev", .type = '3', .major = 1, .minor = 3})
              .directory("opaque")
              .file("opaque/.wh..wh..opq", "")
              .file(".wh.gone", "")
              .end());
  }

  std::string difference() {
    const auto found = compareTrees(root_ + "/expected", root_ + "/actual");
    return found ? found->path + ": " + found->what : "none";
  }

  std::string in(const std::string& path) const { return root_ + "/actual/" + path; }
};

TEST_F(CompareTest, TheSameLayerTwiceIsTheSame) {
  EXPECT_EQ(difference(), "none");
}

TEST_F(CompareTest, AByteIsADifference) {
  const auto time = std::filesystem::last_write_time(in("a/file"));
  std::fstream file(in("a/file"), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(299999).put('y');
  file.close();
  std::filesystem::last_write_time(in("a/file"), time);
  EXPECT_EQ(difference(), "/a/file: contents");
}

TEST_F(CompareTest, WhateverElseDiffersIsNamed) {
  const struct stat before = status("a");
  const auto restore = [&] {
    const timespec times[2] = {before.st_mtim, before.st_mtim};
    ::utimensat(AT_FDCWD, in("a").c_str(), times, 0);
    ::utimensat(AT_FDCWD, in("").c_str(), times, 0);
  };
  ::chmod(in("a/file").c_str(), 0600);
  EXPECT_EQ(difference(), "/a/file: mode");
  ::chmod(in("a/file").c_str(), 0644);
  ::lsetxattr(in("a/file").c_str(), "user.note", "lost", 4, 0);
  EXPECT_EQ(difference(), "/a/file: xattr user.note");
  ::lsetxattr(in("a/file").c_str(), "user.note", "kept", 4, 0);
  ::lremovexattr(in("opaque").c_str(), "trusted.overlay.opaque");
  EXPECT_EQ(difference(), "/opaque: opaque mark");
  ::lsetxattr(in("opaque").c_str(), "trusted.overlay.opaque", "y", 1, 0);
  EXPECT_EQ(difference(), "none");
  std::ofstream(in("a/more")) << "x";
  restore();
  EXPECT_EQ(difference(), "/a/more: it was added");
  std::filesystem::remove(in("a/more"));
  std::filesystem::remove(in("gone"));
  restore();
  EXPECT_EQ(difference(), "/gone: it is missing");
}

}  // namespace
}  // namespace strake::layer::test
