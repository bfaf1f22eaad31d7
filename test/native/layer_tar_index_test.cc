// Archives on disk: what indexTar finds without reading contents, and what inflateFile makes.
#include "layer/tar_index.h"

#include "gzip.h"
#include "hash/sha256.h"
#include "layer/inflate_file.h"
#include "layer_fixture.h"

namespace strake::layer::test {
namespace {

class TarIndex : public LayerTest {
 protected:
  std::string file(const std::string& bytes) {
    const std::string path = root_ + "/archive";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::string failureOf(const std::string& bytes, uint64_t maxMembers = 10) {
    try {
      indexTar(file(bytes), maxMembers);
    } catch (const sys::Error& error) {
      return error.code();
    }
    return "none";
  }
};

TEST_F(TarIndex, EveryMemberIsFoundWithItsPlace) {
  const std::string large(100'000, 'x');
  const std::string name = std::string(200, 'n');
  const std::string tar = TarBuilder()
                              .directory("d/")
                              .file("d/large", large)
                              .symlink("link", "d/large")
                              .hardLink("hard", "d/large")
                              .pax({{"path", name}})
                              .file("short", "data")
                              .file("empty", "")
                              .end();
  const auto members = indexTar(file(tar), 10);
  ASSERT_EQ(members.size(), 6u);
  EXPECT_EQ(members[0].type, EntryType::directory);
  EXPECT_EQ(tar.substr(members[1].offset, members[1].size), large);
  EXPECT_EQ(members[2].target, "d/large");
  EXPECT_EQ(members[3].type, EntryType::hardLink);
  EXPECT_EQ(members[4].path, name);
  EXPECT_EQ(tar.substr(members[4].offset, members[4].size), "data");
  EXPECT_EQ(members[5].size, 0u);
}

TEST_F(TarIndex, WhatIsNoTarOrCutShortOrHasTooManyMembersIsInvalid) {
  const std::string tar = TarBuilder().file("a", std::string(50'000, 'x')).end();
  EXPECT_EQ(failureOf(tar), "none");
  EXPECT_EQ(failureOf(std::string(2000, 'x')), "ERR_ARCHIVE_INVALID");
  EXPECT_EQ(failureOf(tar.substr(0, 20'000)), "ERR_ARCHIVE_INVALID");
  EXPECT_EQ(failureOf(tar.substr(0, 300)), "ERR_ARCHIVE_INVALID");
  EXPECT_EQ(failureOf(tar, 0), "ERR_ARCHIVE_INVALID");
}

TEST_F(TarIndex, ASparseMemberIsRefused) {
  const std::string tar = TarBuilder()
                              .pax({{"GNU.sparse.major", "1"},
                                    {"GNU.sparse.minor", "0"},
                                    {"GNU.sparse.name", "s"},
                                    {"GNU.sparse.realsize", "4096"}})
                              .file("s", "1\n0\n4\n" + std::string(506, '\0') + "data")
                              .end();
  EXPECT_EQ(failureOf(tar), "ERR_ARCHIVE_INVALID");
}

TEST_F(TarIndex, AFileIsInflatedAndHashed) {
  const std::string text(3'000'000, 'x');
  const InflatedFile made = inflateFile({file("before" + gzip(text) + "after"), 6, gzip(text).size()},
                                        compress::Compression::gzip, root_ + "/out", 1 << 30);
  EXPECT_EQ(made.size, text.size());
  EXPECT_EQ(made.digest, "sha256:" + hash::toHex(hash::sha256(text)));
  EXPECT_EQ(std::filesystem::file_size(root_ + "/out"), text.size());
}

TEST_F(TarIndex, ABombEndsAtItsLimit) {
  const std::string path = file(gzip(std::string(3'000'000, 'x')));
  try {
    inflateFile({path}, compress::Compression::gzip, root_ + "/out", 2'000'000);
    FAIL();
  } catch (const sys::Error& error) {
    EXPECT_EQ(error.code(), "ERR_LAYER_TOO_LARGE");
  }
}

}  // namespace
}  // namespace strake::layer::test
