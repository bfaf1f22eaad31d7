#include "layer/complete.h"

#include "layer_fixture.h"

namespace strake::layer::test {
namespace {

/// Layers, bottom first; the last is the one that is committed.
class CompleteTest : public LayerTest {
 protected:
  /// Unpacks a layer and commits it on top of those before.
  void layer(const TarBuilder& tar) {
    target_ = root_ + "/layer" + std::to_string(lowers_.size());
    std::filesystem::create_directory(target_);
    completeLayer(target_, lowers_, apply(tar.end()));
    lowers_.insert(lowers_.begin(), {.directory = target_});
  }

  std::vector<sys::LayerRef> lowers_;
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

TEST_F(CompleteTest, TakesWhatTheDirectoriesAreBelow) {
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

TEST_F(CompleteTest, TakesNothingFromBehindAWhiteoutOrAnOpaqueDirectory) {
  layer(base());
  layer(TarBuilder().file(".wh.usr", "").directory("var", 0705).file("var/.wh..wh..opq", ""));
  layer(TarBuilder().file("usr/lib/new").file("var/sub/x"));
  EXPECT_EQ(status("usr").st_mode, S_IFDIR | 0755u);
  EXPECT_EQ(status("usr").st_uid, 0u);
  EXPECT_EQ(status("var").st_mode, S_IFDIR | 0705u);
}

TEST_F(CompleteTest, MovesWhatStandsOnASymlinkOfALowerLayer) {
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

TEST_F(CompleteTest, MergesWithWhatTheLayerHasThereItself) {
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

TEST_F(CompleteTest, FollowsChainsOfLinksAndNeverLeavesTheRoot) {
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

TEST_F(CompleteTest, AnExplicitDirectoryHidesALink) {
  layer(base());
  layer(TarBuilder().directory("lib").file("lib/x"));
  EXPECT_EQ(read("lib/x"), "data");
  EXPECT_FALSE(exists("usr"));
}

TEST_F(CompleteTest, AnOpaqueRootHidesEveryNameBelow) {
  layer(base());
  layer(TarBuilder().file(".wh..wh..opq", "").file("usr/x"));
  EXPECT_TRUE(isWhiteoutAt("lib"));
  EXPECT_TRUE(isWhiteoutAt("var"));
  EXPECT_EQ(xattr("usr", "trusted.overlay.opaque"), "y");
}

TEST_F(CompleteTest, AnOpaqueRootHidesEveryNameBelowThoughNoDirectoryIsImplied) {
  layer(base());
  layer(TarBuilder().directory("./").file(".wh..wh..opq", "").directory("usr").file("own"));
  EXPECT_TRUE(isWhiteoutAt("lib"));
  EXPECT_TRUE(isWhiteoutAt("var"));
  EXPECT_EQ(xattr("usr", "trusted.overlay.opaque"), "y");
  EXPECT_EQ(read("own"), "data");
}

TarBuilder withProgram() {
  return base()
      .pax({{"SCHILY.xattr.user.note", "of the file"}})
      .add({.path = "usr/lib/a", .data = "below", .mode = 04750, .uid = 5, .gid = 6, .mtime = 50})
      .hardLink("usr/lib/alias", "usr/lib/a");
}

TEST_F(CompleteTest, AHardLinkToALowerFileBringsItUpWithAllMetadata) {
  layer(withProgram());
  layer(TarBuilder().hardLink("bin/b", "usr/lib/a").hardLink("c", "bin/b").hardLink("d", "usr/lib/alias"));
  for (const char* path : {"usr/lib/a", "usr/lib/alias", "bin/b", "c", "d"}) {
    EXPECT_EQ(read(path), "below") << path;
    EXPECT_EQ(status(path).st_ino, status("usr/lib/a").st_ino) << path;
  }
  const struct stat copy = status("bin/b");
  EXPECT_EQ(copy.st_nlink, 5u);
  EXPECT_EQ(copy.st_mode, S_IFREG | 04750u);
  EXPECT_EQ(copy.st_uid, 5u);
  EXPECT_EQ(copy.st_gid, 6u);
  EXPECT_EQ(copy.st_mtime, 50);
  EXPECT_EQ(xattr("bin/b", "user.note"), "of the file");
  EXPECT_EQ(status("usr/lib").st_mode, S_IFDIR | 02755u);
  EXPECT_EQ(status("usr/lib").st_mtime, 30);
  EXPECT_EQ(status("").st_mtime, 10);
}

TEST_F(CompleteTest, AHardLinkFollowsDirectoryLinksOfLowerLayersAndNoLastOne) {
  layer(withProgram().symlink("usr/lib/link", "a"));
  layer(TarBuilder().hardLink("b", "lib/a").hardLink("lib/c", "lib/a").hardLink("d", "lib/link"));
  EXPECT_EQ(status("b").st_ino, status("usr/lib/a").st_ino);
  EXPECT_EQ(status("usr/lib/c").st_ino, status("usr/lib/a").st_ino);
  EXPECT_FALSE(exists("lib"));
  EXPECT_EQ(linkAt("d"), "a");
}

TEST_F(CompleteTest, WhatALayerRenamesAndRemovesGetsNoOtherName) {
  layer(withProgram());
  layer(TarBuilder().hardLink("b", "usr/lib/a").hardLink("c", "usr/lib/a").file("usr/lib/.wh.a", ""));
  EXPECT_EQ(read("b"), "below");
  EXPECT_EQ(status("b").st_nlink, 2u);
  EXPECT_EQ(status("b").st_ino, status("c").st_ino);
  EXPECT_TRUE(isWhiteoutAt("usr/lib/a"));
}

TEST_F(CompleteTest, ALaterEntryTakesThePlaceOfALinkAndALinkThatOfAnEarlierOne) {
  layer(withProgram());
  layer(TarBuilder()
            .file("x", "early")
            .hardLink("x", "usr/lib/a")
            .hardLink("y", "usr/lib/a")
            .file("y", "late")
            .hardLink("z/in", "usr/lib/a")
            .file("z", "late")
            .file(".wh.w", "")
            .hardLink("w", "usr/lib/a"));
  EXPECT_EQ(read("x"), "below");
  EXPECT_EQ(read("y"), "late");
  EXPECT_EQ(read("z"), "late");
  EXPECT_EQ(read("w"), "below");
}

TEST_F(CompleteTest, AHardLinkKeepsHolesAndTheTimeOfItsDirectory) {
  layer(TarBuilder().directory("d"));
  const std::string sparse = lowers_.front().directory + "/d/sparse";
  std::ofstream(sparse) << "head";
  std::filesystem::resize_file(sparse, 64 << 20);
  layer(TarBuilder().add({.path = "e", .type = '5', .mtime = 70}).hardLink("e/f", "d/sparse"));
  EXPECT_EQ(status("e/f").st_size, 64 << 20);
  EXPECT_LT(status("e/f").st_blocks, 2048);
  EXPECT_EQ(read("e/f").substr(0, 5), std::string("head\0", 5));
  EXPECT_EQ(status("e").st_mtime, 70);
}

TEST_F(CompleteTest, AHardLinkToNothingIsRefused) {
  const auto failureOf = [this](const TarBuilder& tar) {
    try {
      layer(tar);
    } catch (const sys::Error& error) {
      return error.code() + ": " + error.what();
    }
    return std::string("none");
  };
  EXPECT_NE(failureOf(TarBuilder().hardLink("b", "absent")).find("ERR_LAYER_CORRUPT"), std::string::npos);
  sys::removeTree(target_);
  layer(withProgram());
  for (const char* target : {"absent", "usr/lib", "usr/lib/a/x", "usr/lib/gone/x"}) {
    const std::string failure = failureOf(TarBuilder().hardLink("b", target));
    EXPECT_NE(failure.find("is no file of this layer or of those below"), std::string::npos)
        << target << ": " << failure;
    sys::removeTree(target_);
  }
  EXPECT_NE(failureOf(TarBuilder().directory("./").file(".wh..wh..opq", "").hardLink("b", "b"))
                .find("ERR_LAYER_CORRUPT"),
            std::string::npos);
}

}  // namespace
}  // namespace strake::layer::test
