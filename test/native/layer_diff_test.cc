#include "layer/diff.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hash/sha256.h"
#include "layer/byte_sink.h"
#include "layer_fixture.h"
#include "string_sink.h"

namespace strake::layer::test {
namespace {

/// An upper directory ("upper") above one lower one ("below").
class DiffTest : public LayerTest {
 protected:
  void SetUp() override {
    LayerTest::SetUp();
    if (root_.empty()) return;
    below_ = root_ + "/below";
    std::filesystem::create_directory(below_);
  }

  void below(const TarBuilder& tar) { unpack(below_, tar); }
  void upper(const TarBuilder& tar) { unpack(root_ + "/layer", tar); }

  std::string diff(std::optional<int64_t> latest = {}) {
    StringSink sink;
    const sys::UniqueFd upper = open(root_ + "/layer"), lower = open(below_);
    DiffOptions options{.walk = {upper.get(), lower.get(), mountPoints_, userXattrs_}, .latest = latest};
    entries_ = writeDiff(options, sink);
    return sink.text;
  }

  std::vector<std::string> names(const std::string& tar) {
    StringSource source(tar);
    TarReader reader(source);
    std::vector<std::string> found;
    while (const auto entry = reader.next()) found.push_back(entry->path);
    return found;
  }

  std::map<std::string, TarEntry> entries(const std::string& tar) {
    StringSource source(tar);
    TarReader reader(source);
    std::map<std::string, TarEntry> found;
    while (const auto entry = reader.next()) found[entry->path] = *entry;
    return found;
  }

  std::string changes() {
    const sys::UniqueFd upper = open(root_ + "/layer"), lower = open(below_);
    std::string text;
    for (const Change& change : listChanges({upper.get(), lower.get(), mountPoints_}, 1000))
      text += std::string(1, static_cast<char>(change.kind)) + " " + change.path + "\n";
    return text;
  }

  static sys::UniqueFd open(const std::string& path) {
    return sys::UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  void setXattr(const std::string& path, const char* name, const std::string& value) {
    ASSERT_EQ(::lsetxattr((root_ + "/" + path).c_str(), name, value.data(), value.size(), 0), 0) << path;
  }

  std::string below_;
  std::vector<std::string> mountPoints_;
  bool userXattrs_ = false;
  uint64_t entries_ = 0;

 private:
  void unpack(const std::string& target, const TarBuilder& tar) {
    target_ = target;
    apply(tar.end());
  }
};

using Names = std::vector<std::string>;

TarBuilder base() {
  return TarBuilder()
      .directory("./")
      .directory("etc")
      .file("etc/hosts", "below")
      .file("etc/passwd")
      .directory("usr")
      .directory("usr/lib")
      .file("usr/lib/a", "of a")
      .file("usr/lib/b")
      .symlink("usr/lib/link", "a");
}

TEST_F(DiffTest, TellsWhatIsGoneBeforeWhatIsThereInTheOrderOfTheNames) {
  below(base());
  upper(TarBuilder()
            .directory("./")
            .directory("etc")
            .file("etc/z")
            .file("etc/.wh.passwd", "")
            .file("etc/!first")
            .file(".wh.usr", "")
            .file("a"));
  EXPECT_EQ(names(diff()), (Names{".wh.usr", "a", "etc/", "etc/.wh.passwd", "etc/!first", "etc/z"}));
  EXPECT_EQ(entries_, 6u);
  EXPECT_EQ(changes(), "A /a\nC /etc\nA /etc/!first\nD /etc/passwd\nA /etc/z\nD /usr\n");
}

TEST_F(DiffTest, GivesTheSameLayerAgain) {
  below(base());
  upper(TarBuilder()
            .directory("./")
            .add({.path = "etc", .type = '5', .mode = 02750, .uid = 1, .gid = 2, .mtime = 77})
            .pax({{"mtime", "1234.000000567"}, {"SCHILY.xattr.user.note", "kept"}})
            .add({.path = "etc/hosts", .data = "changed", .mode = 04755, .uid = 70000, .gid = 3000000})
            .hardLink("etc/again", "etc/hosts")
            .symlink("etc/link", std::string(90, 'x') + "/target")
            .add({.path = "dev", .type = '5'})
            .add({.path = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
            .add({.path = "dev/disk", .type = '4', .mode = 0660, .major = 259, .minor = 70000})
            .add({.path = "dev/fifo", .type = '6', .mode = 0600})
            .file("etc/.wh.passwd", ""));
  const std::string tar = diff();
  target_ = root_ + "/again";
  std::filesystem::create_directory(target_);
  StringSource source(tar);
  TarReader reader(source);
  const ApplyResult applied = Applier(target_, 1000).apply(reader);
  EXPECT_EQ(applied.implied, Names{"."}) << "the root is as it was below";
  EXPECT_EQ(status("etc").st_mode, S_IFDIR | 02750u);
  EXPECT_EQ(status("etc").st_mtime, 77);
  EXPECT_EQ(read("etc/hosts"), "changed");
  EXPECT_EQ(status("etc/hosts").st_mode, S_IFREG | 04755u);
  EXPECT_EQ(status("etc/hosts").st_uid, 70000u);
  EXPECT_EQ(status("etc/hosts").st_gid, 3000000u);
  EXPECT_EQ(status("etc/hosts").st_mtim.tv_nsec, 567);
  EXPECT_EQ(status("etc/hosts").st_ino, status("etc/again").st_ino);
  EXPECT_EQ(xattr("etc/hosts", "user.note"), "kept");
  EXPECT_EQ(linkAt("etc/link"), std::string(90, 'x') + "/target");
  EXPECT_EQ(status("dev/null").st_rdev, makedev(1, 3));
  EXPECT_EQ(status("dev/disk").st_rdev, makedev(259, 70000));
  EXPECT_TRUE(S_ISFIFO(status("dev/fifo").st_mode));
  EXPECT_TRUE(isWhiteoutAt("etc/passwd"));
  EXPECT_EQ(diff(), tar) << "the same upper directory makes the same bytes";
}

TEST_F(DiffTest, AnOpaqueDirectoryIsMarkedWhereSomethingIsBelow) {
  below(base());
  upper(TarBuilder()
            .directory("./")
            .directory("usr")
            .directory("usr/lib")
            .file("usr/lib/.wh..wh..opq", "")
            .file("usr/lib/a")
            .directory("new")
            .file("new/.wh..wh..opq", ""));
  EXPECT_EQ(names(diff()), (Names{"new/", "usr/", "usr/lib/", "usr/lib/.wh..wh..opq", "usr/lib/a"}));
  EXPECT_EQ(changes(), "A /new\nC /usr\nC /usr/lib\nC /usr/lib/a\nD /usr/lib/b\nD /usr/lib/link\n");
}

TEST_F(DiffTest, ARenamedDirectoryIsToldWithAllItsContents) {
  below(base().directory("opt").file("opt/old"));
  upper(TarBuilder()
            .directory("./")
            .directory("opt")
            .file("opt/own", "above")
            .file("opt/.wh.b", "")
            .file(".wh.usr", ""));
  setXattr("layer/opt", "trusted.overlay.redirect", "/usr/lib");
  const std::string tar = diff();
  EXPECT_EQ(names(tar), (Names{".wh.usr", "opt/", "opt/.wh..wh..opq", "opt/a", "opt/link", "opt/own"}));
  EXPECT_EQ(changes(), "C /opt\nA /opt/a\nA /opt/link\nD /opt/old\nA /opt/own\nD /usr\n");
  target_ = root_ + "/again";
  std::filesystem::create_directory(target_);
  StringSource source(tar);
  TarReader reader(source);
  Applier(target_, 1000).apply(reader);
  EXPECT_EQ(read("opt/a"), "of a");
  EXPECT_EQ(read("opt/own"), "above");
  EXPECT_EQ(linkAt("opt/link"), "a");
}

TEST_F(DiffTest, ADirectoryThatWasRenamedInItsOwnHasANameForRedirect) {
  below(base());
  upper(TarBuilder().directory("./").directory("usr").directory("usr/moved").file("usr/.wh.lib", ""));
  setXattr("layer/usr/moved", "trusted.overlay.redirect", "lib");
  EXPECT_EQ(names(diff()),
            (Names{"usr/", "usr/.wh.lib", "usr/moved/", "usr/moved/a", "usr/moved/b", "usr/moved/link"}));
}

TEST_F(DiffTest, DirectoriesBelowARenamedOneComeAlong) {
  below(base());
  upper(TarBuilder().directory("./").directory("x").directory("x/lib").file("x/lib/c").file(".wh.usr", ""));
  setXattr("layer/x", "trusted.overlay.redirect", "/usr");
  EXPECT_EQ(names(diff()), (Names{".wh.usr", "x/", "x/lib/", "x/lib/a", "x/lib/b", "x/lib/c", "x/lib/link"}));
}

TEST_F(DiffTest, AFileOfWhichOnlyTheMetadataWereCopiedUpHasTheContentsBelow) {
  below(base());
  upper(TarBuilder().directory("./").directory("usr").directory("usr/lib").add(
      {.path = "usr/lib/a", .data = "", .mode = 0600}));
  std::filesystem::resize_file(root_ + "/layer/usr/lib/a", 4);
  setXattr("layer/usr/lib/a", "trusted.overlay.metacopy", "");
  const std::string tar = diff();
  EXPECT_EQ(entries(tar).at("usr/lib/a").mode, 0600u);
  EXPECT_NE(tar.find("of a"), std::string::npos);
}

TEST_F(DiffTest, SocketsAndOverlayfsOwnRecordsAreLeftOut) {
  below(base());
  upper(TarBuilder().directory("./").directory("run"));
  setXattr("layer/run", "trusted.overlay.origin", "x");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = root_ + "/layer/run/sock";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  const std::string tar = diff();
  EXPECT_EQ(names(tar), Names{"run/"});
  EXPECT_EQ(entries(tar).at("run/").xattrs.size(), 0u);
}

TEST_F(DiffTest, TheEnginesOwnMountPointsAreNoChange) {
  below(base());
  mountPoints_ = {"dev", "dev/pts", "etc/hosts", "etc/hostname", "proc"};
  upper(TarBuilder()
            .directory("./")
            .directory("dev")
            .directory("dev/pts")
            .directory("etc")
            .file("etc/hostname", "")
            .directory("proc"));
  EXPECT_EQ(changes(), "");
  EXPECT_EQ(names(diff()), Names{});
  std::ofstream(root_ + "/layer/dev/file") << "x";
  EXPECT_EQ(changes(), "A /dev\nA /dev/file\n");
  ::chmod((root_ + "/layer/etc").c_str(), 0700);
  EXPECT_EQ(changes(), "A /dev\nA /dev/file\nC /etc\n");
}

TEST_F(DiffTest, NoTimeIsLaterThanSourceDateEpoch) {
  below(base());
  upper(TarBuilder()
            .directory("./")
            .add({.path = "early", .mtime = 50})
            .pax({{"mtime", "2000.5"}})
            .add({.path = "late"}));
  const auto found = entries(diff(1000));
  EXPECT_EQ(found.at("early").mtime.tv_sec, 50);
  EXPECT_EQ(found.at("late").mtime.tv_sec, 1000);
  EXPECT_EQ(found.at("late").mtime.tv_nsec, 0);
}

TEST_F(DiffTest, ARootWithAnotherOwnerOrModeIsAnEntry) {
  below(base());
  upper(TarBuilder().add({.path = "./", .type = '5', .mode = 0711, .uid = 4}));
  const auto found = entries(diff());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.at("./").mode, 0711u);
  EXPECT_EQ(found.at("./").uid, 4u);
}

TEST_F(DiffTest, DeepDirectoriesTakeFewDescriptors) {
  below(base());
  upper(TarBuilder().directory("./"));
  std::string path = root_ + "/layer";
  for (int i = 0; i < 1500; ++i) std::filesystem::create_directory(path += "/d");
  std::ofstream(path + "/end") << "x";
  EXPECT_EQ(names(diff()).size(), 1501u);
}

TEST_F(DiffTest, AFileThatWouldReadAsAWhiteoutIsRefused) {
  below(base());
  upper(TarBuilder().directory("./"));
  std::ofstream(root_ + "/layer/.wh.me") << "x";
  EXPECT_THROW(diff(), sys::Error);
}

TEST_F(DiffTest, AMarkThatAContainerCanMakeItselfSaysNothing) {
  below(TarBuilder().directory("./").directory("d").file("d/there"));
  upper(TarBuilder().directory("./").directory("d").file("d/new"));
  const std::string directory = root_ + "/layer/d";
  ASSERT_EQ(::setxattr(directory.c_str(), "user.overlay.opaque", "y", 1, 0), 0);
  EXPECT_EQ(names(diff()), (std::vector<std::string>{"d/", "d/new"}));
  userXattrs_ = true;
  EXPECT_EQ(names(diff()), (std::vector<std::string>{"d/", "d/.wh..wh..opq", "d/new"}));
  ASSERT_EQ(::removexattr(directory.c_str(), "user.overlay.opaque"), 0);
  ASSERT_EQ(::setxattr(directory.c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  userXattrs_ = false;
  EXPECT_EQ(names(diff()), (std::vector<std::string>{"d/", "d/.wh..wh..opq", "d/new"}));
}

TEST_F(DiffTest, IntoAFileItIsTheSameWithItsDigest) {
  below(base());
  upper(TarBuilder().directory("./").file("big", std::string(9 << 20, 'x')));
  const std::string tar = diff();
  const sys::UniqueFd upper = open(root_ + "/layer"), lower = open(below_);
  const DiffOptions options{.walk = {upper.get(), lower.get(), {}}};
  const DiffFile file = writeDiffFile(options, root_ + "/tar");
  EXPECT_EQ(file.size, tar.size());
  EXPECT_EQ(file.entries, 1u);
  EXPECT_EQ(file.digest, hash::toHex(hash::sha256(tar)));
  EXPECT_THROW(writeDiffFile(options, root_ + "/tar"), sys::SysError) << "it exists";
}

TEST_F(DiffTest, AFullDiskIsSaidAsSuch) {
  below(base());
  upper(TarBuilder().directory("./").file("big", std::string(9 << 20, 'x')));
  const sys::UniqueFd upper = open(root_ + "/layer"), lower = open(below_);
  struct rlimit before {
  }, small{1 << 20, RLIM_INFINITY};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_IGN);
  small.rlim_max = before.rlim_max;
  ::setrlimit(RLIMIT_FSIZE, &small);
  try {
    writeDiffFile({.walk = {upper.get(), lower.get(), {}}}, root_ + "/tar");
    ADD_FAILURE() << "no failure";
  } catch (const sys::SysError& error) {
    EXPECT_EQ(error.error(), EFBIG);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
}

}  // namespace
}  // namespace strake::layer::test
