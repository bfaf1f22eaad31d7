// What TarWriter and writeTree write is what TarReader, the applier and GNU tar read.
#include "layer/tar_writer.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "layer/tar_reader.h"
#include "layer/tree_writer.h"
#include "layer_fixture.h"
#include "string_sink.h"

namespace strake::layer::test {
namespace {

std::string tarOf(const std::vector<TarEntry>& entries, const std::string& contents = {}) {
  StringSink sink;
  TarWriter tar(sink);
  for (const TarEntry& entry : entries) {
    tar.add(entry);
    if (entry.type == EntryType::regular)
      tar.data({reinterpret_cast<const uint8_t*>(contents.data()), contents.size()});
  }
  tar.finish();
  return sink.text;
}

TarEntry readBack(const std::string& tar) {
  StringSource source(tar);
  TarReader reader(source);
  const std::optional<TarEntry> entry = reader.next();
  EXPECT_TRUE(entry.has_value());
  EXPECT_FALSE(reader.next().has_value());
  return entry.value_or(TarEntry{});
}

TarEntry fileEntry(const std::string& path) {
  TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.mtime = {1000, 0};
  return entry;
}

TEST(TarWriter, WritesAPlainEntryAsOneHeaderBlockItsContentsAndTheEnd) {
  TarEntry entry = fileEntry("a/b");
  entry.size = 5;
  const std::string tar = tarOf({entry}, "hello");
  EXPECT_EQ(tar.size(), 4 * 512u);
  EXPECT_EQ(tar.substr(257, 8), std::string("ustar\00000", 8));
  EXPECT_EQ(tar.substr(512, 6), std::string("hello\0", 6));
}

TEST(TarWriter, EveryFieldIsReadBackAsItWasWritten) {
  TarEntry entry = fileEntry(std::string(300, 'n') + "/ü");
  entry.mode = 06755;
  entry.uid = 4'000'000'000;
  entry.gid = 2'097'152;
  entry.mtime = {1'700'000'000, 123'456'789};
  entry.xattrs = {{"security.capability", std::string("\1\0\0\2\n=\0", 7)}, {"user.a", "b"}};
  const TarEntry back = readBack(tarOf({entry}));
  EXPECT_EQ(back.path, entry.path);
  EXPECT_EQ(back.mode, entry.mode);
  EXPECT_EQ(back.uid, entry.uid);
  EXPECT_EQ(back.gid, entry.gid);
  EXPECT_EQ(back.mtime.tv_sec, entry.mtime.tv_sec);
  EXPECT_EQ(back.mtime.tv_nsec, entry.mtime.tv_nsec);
  EXPECT_EQ(back.xattrs, entry.xattrs);
}

TEST(TarWriter, TimesBeforeTheEpochAndPastTheHeadersFieldAreReadBack) {
  for (const timespec time :
       {timespec{-1, 500'000'000}, timespec{-5, 0}, timespec{0, 1}, timespec{1ll << 34, 0}}) {
    TarEntry entry = fileEntry("a");
    entry.mtime = time;
    const TarEntry back = readBack(tarOf({entry}));
    EXPECT_EQ(back.mtime.tv_sec, time.tv_sec);
    EXPECT_EQ(back.mtime.tv_nsec, time.tv_nsec);
  }
}

TEST(TarWriter, LinksAndDevicesAreReadBack) {
  TarEntry link = fileEntry("link");
  link.type = EntryType::symlink;
  link.target = std::string(150, 't');
  EXPECT_EQ(readBack(tarOf({link})).target, link.target);
  TarEntry device = fileEntry("dev");
  device.type = EntryType::blockDevice;
  device.deviceMajor = 259;
  device.deviceMinor = 1'048'575;
  EXPECT_EQ(readBack(tarOf({device})).deviceMajor, 259u);
  EXPECT_EQ(readBack(tarOf({device})).deviceMinor, 1'048'575u);
}

TEST(TarWriter, ContentsMustBeOfTheSizeThatTheHeaderSays) {
  StringSink sink;
  TarWriter tar(sink);
  TarEntry entry = fileEntry("a");
  entry.size = 2;
  tar.add(entry);
  const uint8_t bytes[3] = {};
  EXPECT_THROW(tar.data(bytes), std::logic_error);
  EXPECT_THROW(tar.add(entry), std::logic_error);
  EXPECT_THROW(tar.finish(), std::logic_error);
}

TEST(TarWriter, ASizeFromEightGibibytesOnIsARecord) {
  StringSink sink;
  TarWriter tar(sink);
  TarEntry entry = fileEntry("big");
  entry.size = 1ull << 33;
  tar.add(entry);
  EXPECT_NE(sink.text.find("19 size=8589934592\n"), std::string::npos);
}

class TreeWriter : public LayerTest {
 protected:
  std::string written(const TreeOptions& options = {}) {
    const sys::UniqueFd root(::open(target_.c_str(), O_PATH | O_DIRECTORY));
    StringSink sink;
    TarWriter tar(sink);
    writeTree(root.get(), tar, options);
    return sink.text;
  }
};

TEST_F(TreeWriter, ATreeIsWrittenAndUnpackedAgainWithoutADifference) {
  apply(TarBuilder()
            .directory("./", 0711)
            .directory("d", 01777)
            .add({.path = "d/f", .data = std::string(5000, 'x'), .mode = 04755, .uid = 7, .gid = 8})
            .hardLink("a-link", "d/f")
            .symlink("d/s", "../nowhere")
            .add({.path = "d/p", .type = '6'})
            .add({.path = "d/c", .type = '3', .major = 5, .minor = 1})
            .pax({{"mtime", "12.000000034"}, {"SCHILY.xattr.user.k", "v"}})
            .file("d/z")
            .end());
  const std::string first = written();
  target_ = root_ + "/again";
  std::filesystem::create_directory(target_);
  apply(first);
  EXPECT_EQ(written(), first);
  EXPECT_EQ(status("a-link").st_ino, status("d/f").st_ino);
  EXPECT_EQ(status("d/f").st_mode, S_IFREG | 04755u);
  EXPECT_EQ(status("d/z").st_mtim.tv_nsec, 34);
  EXPECT_EQ(xattr("d/z", "user.k"), "v");
  EXPECT_EQ(status(".").st_mode & 07777, 0711u);
}

TEST_F(TreeWriter, WhatIsHiddenAndSocketsAreLeftOut) {
  apply(TarBuilder().file("keep").file("d/secret").file("d/shown").end());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", at("sock").c_str());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  const std::string tar = written({.hidden = {"d/secret"}});
  target_ = root_ + "/again";
  std::filesystem::create_directory(target_);
  apply(tar);
  EXPECT_TRUE(exists("keep"));
  EXPECT_TRUE(exists("d/shown"));
  EXPECT_FALSE(exists("d/secret"));
  EXPECT_FALSE(exists("sock"));
}

/// As a container can: one below the other, so many.
void makeDeep(const std::string& top, unsigned levels) {
  sys::UniqueFd at(::open(top.c_str(), O_PATH | O_DIRECTORY));
  for (unsigned level = 0; level < levels; ++level) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at.reset(::openat(at.get(), "d", O_PATH | O_DIRECTORY));
  }
}

TEST_F(TreeWriter, DeepTreesTakeNeitherStackNorDescriptors) {
  makeDeep(target_, 2000);
  std::ofstream(at("e")) << "after the deep ones";
  struct rlimit before, few;
  ::getrlimit(RLIMIT_NOFILE, &before);
  few = {200, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  const std::string tar = written();
  ::setrlimit(RLIMIT_NOFILE, &before);
  StringSource source(tar);
  TarReader reader(source);
  size_t entries = 0;
  std::string last;
  while (const auto entry = reader.next()) {
    ++entries;
    last = entry->path;
  }
  EXPECT_EQ(entries, 2002u);
  EXPECT_EQ(last, "e");
}

TEST_F(TreeWriter, APathThatLinuxDoesNotTakeIsRefused) {
  makeDeep(target_, 20000);
  EXPECT_THROW(written(), sys::Error);
}

TEST_F(TreeWriter, ACancelledWalkEndsAsAborted) {
  apply(TarBuilder().file("a").end());
  const std::atomic<bool> cancelled = true;
  EXPECT_THROW(written({.cancelled = &cancelled}), sys::Error);
}

}  // namespace
}  // namespace strake::layer::test
