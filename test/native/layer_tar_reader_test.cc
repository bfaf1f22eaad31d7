#include "layer/tar_reader.h"

#include "layer_fixture.h"

namespace strake::layer::test {
namespace {

/// Everything that a tar says, one line an entry.
std::vector<std::string> list(const std::string& tar, size_t piece = 700) {
  StringSource source(tar, piece);
  TarReader reader(source);
  std::vector<std::string> lines;
  while (const auto entry = reader.next()) {
    std::string data;
    for (auto bytes = reader.data(); !bytes.empty(); bytes = reader.data())
      data.append(bytes.begin(), bytes.end());
    lines.push_back(entry->path + "|" + entry->target + "|" + std::to_string(entry->size) + "|" + data);
  }
  return lines;
}

std::string codeOf(const std::string& tar) {
  try {
    list(tar);
  } catch (const sys::Error& error) {
    return error.code();
  }
  return "none";
}

using Lines = std::vector<std::string>;

TEST(TarReader, ReadsTheSameWhateverThePieces) {
  const std::string tar = TarBuilder().file("a", std::string(1500, 'x')).file("b", "").file("c", "end").end();
  for (const size_t piece : {1, 511, 512, 513, 100000}) {
    EXPECT_EQ(list(tar, piece), (Lines{"a||1500|" + std::string(1500, 'x'), "b||0|", "c||3|end"})) << piece;
  }
}

TEST(TarReader, SkipsDataThatNobodyReads) {
  StringSource source(TarBuilder().file("a", std::string(5000, 'x')).file("b").end());
  TarReader reader(source);
  EXPECT_EQ(reader.next()->path, "a");
  EXPECT_EQ(reader.data().empty(), false);
  EXPECT_EQ(reader.next()->path, "b");
  EXPECT_FALSE(reader.next().has_value());
}

TEST(TarReader, KnowsEveryFormOfLongName) {
  const std::string name(300, 'n');
  const std::string gnu = TarBuilder()
                              .add({.path = "././@LongLink", .type = 'K', .data = "target-" + name + '\0'})
                              .add({.path = "././@LongLink", .type = 'L', .data = name + '\0'})
                              .symlink("short", "short")
                              .end();
  EXPECT_EQ(list(gnu), (Lines{name + "|target-" + name + "|0|"}));
  EXPECT_EQ(list(TarBuilder().pax({{"path", name}, {"linkpath", "t"}}).symlink("a", "b").end()),
            (Lines{name + "|t|0|"}));
  std::string ustar = TarBuilder::block({.path = "file"});
  ustar.replace(345, 6, "prefix");
  TarBuilder::seal(ustar);
  EXPECT_EQ(list(ustar + std::string(1024, '\0')), Lines{"prefix/file||0|"});
}

TEST(TarReader, GlobalRecordsHoldUntilTheyAreOverridden) {
  const std::string tar = TarBuilder()
                              .pax({{"comment", "x"}, {"linkpath", "global"}}, 'g')
                              .symlink("a", "own")
                              .pax({{"linkpath", "local"}})
                              .symlink("b", "own")
                              .pax({{"linkpath", ""}})
                              .symlink("c", "own")
                              .symlink("d", "own")
                              .end();
  EXPECT_EQ(list(tar), (Lines{"a|global|0|", "b|local|0|", "c|own|0|", "d|global|0|"}));
}

TEST(TarReader, ReadsBase256AndPaxSizes) {
  const std::string size("\x80\0\0\0\0\0\0\0\0\0\0\x04", 12);
  EXPECT_EQ(list(TarBuilder().add({.path = "a", .data = "data", .rawSize = size}).end()), Lines{"a||4|data"});
  EXPECT_EQ(list(TarBuilder()
                     .pax({{"size", "4"}})
                     .add({.path = "a", .data = "data", .rawSize = "00000000001"})
                     .end()),
            Lines{"a||4|data"});
}

TEST(TarReader, OnlyRegularFilesHaveData) {
  EXPECT_EQ(list(TarBuilder()
                     .file("a")
                     .add({.path = "h", .type = '1', .target = "a", .rawSize = "00000000004"})
                     .file("b")
                     .end()),
            (Lines{"a||4|data", "h|a|0|", "b||4|data"}));
}

TEST(TarReader, OldDirectoriesEndInASlash) {
  StringSource source(TarBuilder().add({.path = "d/", .type = '\0'}).add({.path = "c", .type = '7'}).end());
  TarReader reader(source);
  EXPECT_EQ(reader.next()->type, EntryType::directory);
  EXPECT_EQ(reader.next()->type, EntryType::regular);
}

TEST(TarReader, EndsAtZeroBlocksOrBetweenEntries) {
  EXPECT_EQ(list(TarBuilder().file("a").cut()), Lines{"a||4|data"});
  EXPECT_EQ(list(TarBuilder().file("a").end() + "garbage after the end"), Lines{"a||4|data"});
  EXPECT_EQ(list(""), Lines{});
}

TEST(TarReader, RefusesEveryCutWithinAnEntry) {
  const std::string tar = TarBuilder().pax({{"path", "long"}}).file("a", std::string(700, 'x')).cut();
  for (size_t size = 1; size < tar.size() - 1; ++size) {
    EXPECT_EQ(codeOf(tar.substr(0, size)), "ERR_LAYER_CORRUPT") << size;
  }
}

TEST(TarReader, RefusesWhatIsDamaged) {
  std::string flipped = TarBuilder().file("a").end();
  flipped[3] ^= 1;
  const std::string negative("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
  const std::string huge("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
  for (const std::string& tar : {
           flipped,
           TarBuilder().add({.path = "a", .rawSize = "0000000009x"}).end(),
           TarBuilder().add({.path = "a", .rawSize = negative}).end(),
           TarBuilder().add({.path = "a", .rawSize = huge}).end(),
           TarBuilder().add({.path = "x", .type = 'x', .data = "5 a=b\n"}).file("a").end(),
           TarBuilder().add({.path = "x", .type = 'x', .data = "99 a=b\n"}).file("a").end(),
           TarBuilder().add({.path = "x", .type = 'x', .data = "6 ab\n\n"}).file("a").end(),
           TarBuilder().add({.path = "x", .type = 'x', .data = "-7 a=b\n"}).file("a").end(),
           TarBuilder().pax({{"size", "12x"}}).file("a").end(),
           TarBuilder().pax({{"mtime", "1.2.3"}}).file("a").end(),
           TarBuilder().pax({{"LIBARCHIVE.xattr.user.x", "*"}}).file("a").end(),
           TarBuilder().add({.path = "x", .type = 'x', .rawSize = "00004000001"}).file("a").end(),
           TarBuilder().add({.path = "L", .type = 'L', .rawSize = "00077777777"}).file("a").end(),
       }) {
    EXPECT_EQ(codeOf(tar), "ERR_LAYER_CORRUPT");
  }
}

TEST(TarReader, BoundsWhatGlobalHeadersAddUpTo) {
  TarBuilder tar;
  for (int i = 0; i < 3; ++i) tar.pax({{"key" + std::to_string(i), std::string(500'000, 'x')}}, 'g');
  EXPECT_EQ(codeOf(tar.file("a").end()), "ERR_LAYER_CORRUPT");
}

class SparseTar : public LayerTest, public testing::WithParamInterface<const char*> {};

// GNU tar is the judge: what it packs must come out as it went in, holes included.
TEST_P(SparseTar, StaysSparse) {
  const std::string source = root_ + "/source";
  std::filesystem::create_directory(source);
  const int fd = ::open((source + "/sparse").c_str(), O_CREAT | O_RDWR, 0644);
  for (int i = 0; i < 40; ++i) ASSERT_EQ(::pwrite(fd, "block of data", 13, i * (1 << 20)), 13);
  ASSERT_EQ(::ftruncate(fd, 50 << 20), 0);
  ::close(fd);
  std::ofstream(source + "/after") << "the next entry";
  const std::string tar = root_ + "/t.tar";
  const std::string command =
      std::string("tar -C ") + source + " --sparse " + GetParam() + " -cf " + tar + " sparse after";
  ASSERT_EQ(::system(command.c_str()), 0);
  std::ifstream in(tar, std::ios::binary);
  apply(std::string(std::istreambuf_iterator<char>(in), {}));
  EXPECT_EQ(read("sparse"), [&] {
    std::ifstream original(source + "/sparse", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(original), {});
  }());
  EXPECT_LT(status("sparse").st_blocks * 512, 1 << 20);
  EXPECT_EQ(read("after"), "the next entry");
}

INSTANTIATE_TEST_SUITE_P(Gnu, SparseTar,
                         testing::Values("--format=gnu", "--format=pax --sparse-version=0.0",
                                         "--format=pax --sparse-version=0.1",
                                         "--format=pax --sparse-version=1.0"));

TEST(TarReader, RefusesSparseMapsThatLie) {
  const auto sparse = [](const std::string& map, const std::string& size, const std::string& data) {
    return codeOf(
        TarBuilder()
            .pax({{"GNU.sparse.size", size}, {"GNU.sparse.numblocks", "1"}, {"GNU.sparse.map", map}})
            .file("a", data)
            .end());
  };
  EXPECT_EQ(sparse("0,4", "100", "data"), "none");
  EXPECT_EQ(sparse("0,4", "3", "data"), "ERR_LAYER_CORRUPT");
  EXPECT_EQ(sparse("0,5", "100", "data"), "ERR_LAYER_CORRUPT");
  EXPECT_EQ(sparse("10,2,0,2", "100", "data"), "ERR_LAYER_CORRUPT");
  EXPECT_EQ(sparse("0,4,9", "100", "data"), "ERR_LAYER_CORRUPT");
  EXPECT_EQ(sparse("9223372036854775807,4", "9223372036854775807", "data"), "ERR_LAYER_CORRUPT");
  EXPECT_EQ(sparse("-1,4", "100", "data"), "ERR_LAYER_CORRUPT");
}

}  // namespace
}  // namespace strake::layer::test
