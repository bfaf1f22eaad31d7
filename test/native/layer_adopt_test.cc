#include "layer/adopt.h"

#include "layer_fixture.h"

namespace strake::layer::test {
namespace {

/// Layers, bottom first; the last is the one that is committed.
class AdoptTest : public LayerTest {
 protected:
  /// Unpacks a layer and commits it on top of those before.
  void layer(const TarBuilder& tar) {
    target_ = root_ + "/layer" + std::to_string(lowers_.size());
    std::filesystem::create_directory(target_);
    const auto implied = apply(tar.end()).implied;
    adoptDirectories(target_, lowers_, implied);
    lowers_.insert(lowers_.begin(), target_);
  }

  std::vector<std::string> lowers_;
};

TarBuilder base() {
  return TarBuilder()
      .add({.path = "./", .type = '5', .mode = 0711, .uid = 3, .mtime = 10})
      .add({.path = "usr", .type = '5', .mode = 0750, .uid = 1, .gid = 2, .mtime = 20})
      .add({.path = "usr/lib", .type = '5', .mode = 02755, .mtime = 30})
      .pax({{"SCHILY.xattr.user.note", "kept"}})
      .add({.path = "var", .type = '5', .mode = 0700, .mtime = 40})
      .symlink("lib", "usr/lib")
      .file("usr/lib/old");
}

TEST_F(AdoptTest, TakesWhatTheDirectoriesAreBelow) {
  layer(base());
  layer(TarBuilder().file("other"));
  layer(TarBuilder().file("usr/lib/new").file("var/x").file("opt/y"));
  EXPECT_EQ(status("").st_mode, S_IFDIR | 0711u);
  EXPECT_EQ(status("").st_uid, 3u);
  EXPECT_EQ(status("usr").st_mode, S_IFDIR | 0750u);
  EXPECT_EQ(status("usr").st_gid, 2u);
  EXPECT_EQ(status("usr").st_mtime, 20);
  EXPECT_EQ(status("usr/lib").st_mode, S_IFDIR | 02755u);
  EXPECT_EQ(status("usr/lib").st_mtime, 30);
  EXPECT_EQ(xattr("var", "user.note"), "kept");
  EXPECT_EQ(status("opt").st_mode, S_IFDIR | 0755u);
}

TEST_F(AdoptTest, TakesNothingFromBehindAWhiteoutOrAnOpaqueDirectory) {
  layer(base());
  layer(TarBuilder().file(".wh.usr", "").directory("var", 0705).file("var/.wh..wh..opq", ""));
  layer(TarBuilder().file("usr/lib/new").file("var/sub/x"));
  EXPECT_EQ(status("usr").st_mode, S_IFDIR | 0755u);
  EXPECT_EQ(status("usr").st_uid, 0u);
  EXPECT_EQ(status("var").st_mode, S_IFDIR | 0705u);
}

TEST_F(AdoptTest, MovesWhatStandsOnASymlinkOfALowerLayer) {
  layer(base());
  layer(TarBuilder().file("lib/new").file("lib/sub/x").file("lib/.wh.old", ""));
  EXPECT_FALSE(exists("lib")) << "the link below stays visible";
  EXPECT_EQ(read("usr/lib/new"), "data");
  EXPECT_EQ(read("usr/lib/sub/x"), "data");
  EXPECT_TRUE(isWhiteoutAt("usr/lib/old"));
  EXPECT_EQ(status("usr/lib").st_mode, S_IFDIR | 02755u);
  EXPECT_EQ(status("usr/lib").st_mtime, 30);
  EXPECT_EQ(status("usr").st_mode, S_IFDIR | 0750u);
  EXPECT_EQ(status("usr").st_mtime, 20);
  EXPECT_EQ(status("").st_mtime, 10);
}

TEST_F(AdoptTest, MergesWithWhatTheLayerHasThereItself) {
  layer(base());
  layer(TarBuilder()
            .add({.path = "usr/lib", .type = '5', .mode = 0700, .mtime = 99})
            .file("usr/lib/both", "direct")
            .file("usr/lib/dir/a")
            .file("lib/both", "by link")
            .file("lib/dir/b"));
  EXPECT_EQ(read("usr/lib/both"), "by link");
  EXPECT_EQ(read("usr/lib/dir/a"), "data");
  EXPECT_EQ(read("usr/lib/dir/b"), "data");
  EXPECT_EQ(status("usr/lib").st_mode, S_IFDIR | 0700u);
  EXPECT_EQ(status("usr/lib").st_mtime, 99);
}

TEST_F(AdoptTest, FollowsChainsOfLinksAndNeverLeavesTheRoot) {
  layer(base()
            .symlink("a", "./b//")
            .symlink("b", "/lib/.")
            .symlink("out", "../../../var")
            .symlink("loop", "loop"));
  layer(TarBuilder().file("a/x").file("out/y").file("loop/z"));
  EXPECT_EQ(read("usr/lib/x"), "data");
  EXPECT_EQ(read("var/y"), "data");
  EXPECT_EQ(read("loop/z"), "data") << "a link that leads nowhere is hidden";
}

TEST_F(AdoptTest, AnExplicitDirectoryHidesALink) {
  layer(base());
  layer(TarBuilder().directory("lib").file("lib/x"));
  EXPECT_EQ(read("lib/x"), "data");
  EXPECT_FALSE(exists("usr"));
}

TEST_F(AdoptTest, AnOpaqueRootHidesEveryNameBelow) {
  layer(base());
  layer(TarBuilder().file(".wh..wh..opq", "").file("usr/x"));
  EXPECT_TRUE(isWhiteoutAt("lib"));
  EXPECT_TRUE(isWhiteoutAt("var"));
  EXPECT_EQ(xattr("usr", "trusted.overlay.opaque"), "y");
}

}  // namespace
}  // namespace strake::layer::test
