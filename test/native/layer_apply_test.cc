#include "layer_fixture.h"

namespace strake::layer::test {
namespace {

using Header = TarBuilder::Header;

TEST_F(LayerTest, KeepsModesOwnersAndTimes) {
  const auto result =
      apply(TarBuilder()
                .add({.path = "./", .type = '5', .mode = 01777, .uid = 7, .gid = 8, .mtime = 42})
                .add({.path = "su", .data = "x", .mode = 04755, .mtime = 99})
                .add({.path = "sg", .data = "x", .mode = 02711, .uid = 1000, .gid = 1001})
                .add({.path = "none", .data = "", .mode = 0})
                .add({.path = "d", .type = '5', .mode = 02550, .uid = 5, .gid = 6, .mtime = 77})
                .add({.path = "d/f", .data = "inside"})
                .end());
  EXPECT_EQ(status("").st_mode, S_IFDIR | 01777u);
  EXPECT_EQ(status("").st_mtime, 42);
  EXPECT_EQ(status("").st_uid, 7u);
  EXPECT_EQ(status("su").st_mode, S_IFREG | 04755u);
  EXPECT_EQ(status("su").st_mtime, 99);
  EXPECT_EQ(status("sg").st_mode, S_IFREG | 02711u);
  EXPECT_EQ(status("sg").st_uid, 1000u);
  EXPECT_EQ(status("sg").st_gid, 1001u);
  EXPECT_EQ(status("none").st_mode, S_IFREG | 0u);
  EXPECT_EQ(status("d").st_mode, S_IFDIR | 02550u);
  EXPECT_EQ(status("d").st_mtime, 77);
  EXPECT_EQ(status("d/f").st_gid, 0u) << "a setgid directory hands its group on to nothing";
  EXPECT_EQ(result.entries, 6u);
  EXPECT_EQ(result.bytes, 8u);
  EXPECT_TRUE(result.implied.empty());
}

TEST_F(LayerTest, KeepsSubSecondTimesAndNegativeOnes) {
  apply(TarBuilder()
            .pax({{"mtime", "1700000000.123456789"}})
            .file("a")
            .pax({{"mtime", "-1.25"}})
            .file("b")
            .pax({{"mtime", "5.5"}})
            .symlink("l", "a")
            .end());
  EXPECT_EQ(status("a").st_mtim.tv_sec, 1700000000);
  EXPECT_EQ(status("a").st_mtim.tv_nsec, 123456789);
  EXPECT_EQ(status("b").st_mtim.tv_sec, -2);
  EXPECT_EQ(status("b").st_mtim.tv_nsec, 750000000);
  EXPECT_EQ(status("l").st_mtim.tv_nsec, 500000000);
}

TEST_F(LayerTest, MakesLinksDevicesAndFifos) {
  apply(TarBuilder()
            .file("a", "same")
            .hardLink("b", "./a")
            .hardLink("d/c", "/a")
            .symlink("abs", "/etc/passwd")
            .symlink("out", "../../../x")
            .add({.path = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
            .add({.path = "disk", .type = '4', .mode = 0660, .gid = 6, .major = 259, .minor = 1000})
            .add({.path = "pipe", .type = '6', .mode = 0600})
            .end());
  EXPECT_EQ(status("a").st_ino, status("b").st_ino);
  EXPECT_EQ(status("a").st_nlink, 3u);
  EXPECT_EQ(linkAt("abs"), "/etc/passwd");
  EXPECT_EQ(linkAt("out"), "../../../x");
  EXPECT_EQ(status("null").st_mode, S_IFCHR | 0666u);
  EXPECT_EQ(status("null").st_rdev, makedev(1, 3));
  EXPECT_EQ(status("disk").st_rdev, makedev(259, 1000));
  EXPECT_EQ(status("disk").st_gid, 6u);
  EXPECT_TRUE(S_ISFIFO(status("pipe").st_mode));
}

TEST_F(LayerTest, KeepsXattrsButNotOverlaysOwn) {
  const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  apply(TarBuilder()
            .pax({{"SCHILY.xattr.security.capability", capability}, {"SCHILY.xattr.user.note", "a=b\n"}})
            .add({.path = "ping", .data = "x", .mode = 0755, .uid = 10})
            .pax({{"LIBARCHIVE.xattr.user.per%63ent", "aGVsbG8"}})
            .file("arch")
            .pax({{"SCHILY.xattr.trusted.overlay.opaque", "y"},
                  {"SCHILY.xattr.trusted.overlay.redirect", "/etc"},
                  {"SCHILY.xattr.user.overlay.opaque", "y"},
                  {"SCHILY.xattr.user.kept", "1"}})
            .directory("forged")
            .end());
  EXPECT_EQ(xattr("ping", "security.capability").size(), 20u);
  EXPECT_EQ(xattr("ping", "user.note"), "a=b\n");
  EXPECT_EQ(xattr("arch", "user.percent"), "hello");
  EXPECT_EQ(xattr("forged", "trusted.overlay.opaque"), "(none)");
  EXPECT_EQ(xattr("forged", "trusted.overlay.redirect"), "(none)");
  EXPECT_EQ(xattr("forged", "user.overlay.opaque"), "(none)");
  EXPECT_EQ(xattr("forged", "user.kept"), "1");
}

TEST_F(LayerTest, TurnsWhiteoutsIntoOverlaysForm) {
  const auto result = apply(TarBuilder()
                                .file("etc/.wh.gone", "")
                                .file("var/.wh..wh..opq", "")
                                .file(".wh..wh.plnk/1.2", "")
                                .file(".wh..wh.aufs", "")
                                .file("usr/.wh..wh.orph/x", "")
                                .end());
  EXPECT_TRUE(isWhiteoutAt("etc/gone"));
  EXPECT_EQ(xattr("var", "trusted.overlay.opaque"), "y");
  EXPECT_FALSE(exists(".wh..wh.plnk"));
  EXPECT_FALSE(exists("usr"));
  EXPECT_EQ(result.implied, (std::vector<std::string>{".", "etc", "var"}));
}

TEST_F(LayerTest, AWhiteoutSpeaksOfTheLayersBelowAlone) {
  apply(TarBuilder()
            .file(".wh.a", "")
            .directory("a")
            .file("a/new")  // before
            .directory("b")
            .file("b/new")
            .file(".wh.b", "")  // after
            .file(".wh.c", "")
            .file("c/new")  // the directory only implied
            .file(".wh.f", "")
            .file("f", "new")
            .file("g", "new")
            .file(".wh.g", "")
            .end());
  for (const char* path : {"a", "b", "c"}) {
    EXPECT_EQ(xattr(path, "trusted.overlay.opaque"), "y") << path;
    EXPECT_EQ(read(std::string(path) + "/new"), "data");
  }
  EXPECT_EQ(read("f"), "new");
  EXPECT_EQ(read("g"), "new");
}

TEST_F(LayerTest, TheLastEntryOfANameWins) {
  apply(TarBuilder()
            .file("f", "one")
            .file("f", "two")
            .file("fd", "file")
            .directory("fd")
            .file("fd/x")
            .directory("df")
            .file("df/x")
            .file("df/y/z")
            .file("df", "file")
            .file("fl", "file")
            .symlink("fl", "f")
            .symlink("ld", "/etc")
            .directory("ld")
            .file("ld/x")
            .file("keep", "old")
            .hardLink("other", "keep")
            .file("keep", "new")
            .end());
  EXPECT_EQ(read("f"), "two");
  EXPECT_EQ(read("fd/x"), "data");
  EXPECT_EQ(read("df"), "file");
  EXPECT_EQ(linkAt("fl"), "f");
  EXPECT_EQ(read("ld/x"), "data");
  EXPECT_EQ(read("keep"), "new");
  EXPECT_EQ(read("other"), "old");
}

TEST_F(LayerTest, FollowsItsOwnSymlinksWithinTheRoot) {
  const auto result = apply(TarBuilder()
                                .directory("usr")
                                .directory("usr/lib")
                                .symlink("lib", "usr/lib")
                                .file("lib/x")
                                .symlink("abs", "/usr/lib")
                                .file("abs/y")
                                .symlink("opt/abs", "/usr/lib")
                                .file("opt/abs/v")
                                .symlink("up", "../../../usr/lib/..")
                                .file("up/z")
                                .symlink("dangling", "opt/new")
                                .file("dangling/w")
                                .end());
  EXPECT_EQ(read("usr/lib/x"), "data");
  EXPECT_EQ(read("usr/lib/y"), "data");
  EXPECT_EQ(read("usr/lib/v"), "data");
  EXPECT_EQ(read("usr/z"), "data");
  EXPECT_EQ(read("opt/new/w"), "data");
  EXPECT_EQ(result.implied, (std::vector<std::string>{".", "opt", "opt/new"}));
}

TEST_F(LayerTest, NothingGetsOutOfTheRoot) {
  std::ofstream(root_ + "/outside") << "untouched";
  std::filesystem::create_directory(root_ + "/dir");
  EXPECT_EQ(failure(TarBuilder().file("../outside", "x").end()).first, "ERR_LAYER_UNSAFE");
  EXPECT_EQ(failure(TarBuilder().file("a/../../outside", "x").end()).first, "ERR_LAYER_UNSAFE");
  EXPECT_EQ(failure(TarBuilder().hardLink("h", "../outside").end()).first, "ERR_LAYER_UNSAFE");
  apply(TarBuilder()
            .symlink("e", "..")
            .file("e/outside", "x")
            .symlink("s", root_ + "/dir")
            .file("s/pwned", "x")
            .file("/abs", "x")
            .symlink("t", root_ + "/outside")
            .file("t", "replaces the link")
            .end());
  apply(TarBuilder().symlink("link", root_ + "/outside").hardLink("h", "link").end());
  std::ifstream in(root_ + "/outside");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "untouched");
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/dir"));
  EXPECT_EQ(read("outside"), "x");
  EXPECT_EQ(read("abs"), "x");
  EXPECT_EQ(read("t"), "replaces the link");
  EXPECT_TRUE(S_ISLNK(status("h").st_mode));
}

TEST_F(LayerTest, RefusesHostileEntriesAndNamesThem) {
  const std::string longName(256, 'n');
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"ERR_LAYER_UNSAFE", "replace the root", TarBuilder().file("./", "x").symlink("./", "x").end()},
      {"ERR_LAYER_UNSAFE", "names no file", TarBuilder().file("a/.wh.", "").end()},
      {"ERR_LAYER_UNSAFE", "names no file", TarBuilder().file(".wh...", "").end()},
      {"ERR_LAYER_UNSAFE", "as a directory", TarBuilder().file(".wh.a/b", "").end()},
      {"ERR_LAYER_UNSAFE", "have no end", TarBuilder().symlink("a", "b").symlink("b", "a").file("a/x").end()},
      {"ERR_LAYER_CORRUPT", "256 bytes", TarBuilder().pax({{"path", longName}}).file("x").end()},
      {"ERR_LAYER_CORRUPT", "4095",
       TarBuilder().pax({{"path", std::string(5000, 'a').replace(200, 1, "/")}}).file("x").end()},
      {"ERR_LAYER_CORRUPT", "is a directory", TarBuilder().directory("d").hardLink("h", "d").end()},
      {"ERR_LAYER_CORRUPT", "used as a directory", TarBuilder().file("f").file("f/x").end()},
      {"ERR_LAYER_CORRUPT", "target of 0 bytes", TarBuilder().symlink("l", "").end()},
      {"ERR_LAYER_CORRUPT", "type", TarBuilder().add({.path = "multi", .type = 'M'}).end()},
      {"ERR_LAYER_CORRUPT", "uid out of range", TarBuilder().pax({{"uid", "4294967295"}}).file("x").end()},
      {"ERR_LAYER_CORRUPT", "uid out of range", TarBuilder().pax({{"uid", "-1"}}).file("x").end()},
      {"ERR_LAYER_CORRUPT", "NUL", TarBuilder().pax({{"path", std::string("a\0b", 3)}}).file("x").end()},
  };
  for (const auto& [code, text, tar] : cases) {
    const auto [found, message] = failure(tar);
    EXPECT_EQ(found, code) << message;
    EXPECT_NE(message.find(text), std::string::npos) << message;
  }
}

TEST_F(LayerTest, CountsImpliedDirectoriesAgainstTheLimit) {
  TarBuilder tar;
  for (int i = 0; i < 4; ++i) tar.file("f" + std::to_string(i));
  EXPECT_EQ(failure(tar.end(), 4).first, "none");
  EXPECT_EQ(failure(tar.end(), 3).first, "ERR_LAYER_TOO_LARGE");
  EXPECT_EQ(failure(TarBuilder().file("a/b/c/d/e").file("x").end(), 4).first, "ERR_LAYER_TOO_LARGE");
}

TEST_F(LayerTest, TakesManyEntriesInOneDirectory) {
  TarBuilder tar;
  for (int i = 0; i < 20000; ++i) tar.add({.path = "many/file-" + std::to_string(i)});
  EXPECT_EQ(apply(tar.end(), 100000).entries, 20000u);
  EXPECT_TRUE(exists("many/file-19999"));
}

TEST_F(LayerTest, TakesDeepPaths) {
  std::string path = "d";
  for (int i = 0; i < 1500; ++i) path += "/d";
  apply(TarBuilder().pax({{"path", path}}).file("x").end());
  EXPECT_TRUE(exists(path));
}

}  // namespace
}  // namespace strake::layer::test
