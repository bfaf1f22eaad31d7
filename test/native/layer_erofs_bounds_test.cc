// What a small hostile tar may make of an index: no more memory, no larger file, no field that overflows.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <functional>

#include "layer/erofs_index.h"
#include "layer/layer_stack.h"
#include "layer/xattrs.h"
#include "layer_fixture.h"
#include "sys/erofs_mount.h"

namespace strake::layer::test {
namespace {

/// A tar that is made while it is read: so many parts, one after the other.
class Parts final : public ByteSource {
 public:
  Parts(unsigned count, std::function<std::string(unsigned)> make) : count_(count), make_(std::move(make)) {}
  std::span<const uint8_t> next() override {
    if (made_ > count_) return {};
    part_ = made_ == count_ ? std::string(1024, '\0') : make_(made_);
    ++made_;
    return {reinterpret_cast<const uint8_t*>(part_.data()), part_.size()};
  }
  unsigned made() const { return made_; }

 private:
  unsigned count_;
  std::function<std::string(unsigned)> make_;
  unsigned made_ = 0;
  std::string part_;
};

class ErofsBoundsTest : public LayerTest {
 protected:
  /// The code with which reading the tar, or writing its index, ends; "none" when it does not.
  std::string outcome(unsigned count, const std::function<std::string(unsigned)>& make) {
    Parts tar(count, make);
    try {
      LayerIndex index(tar, 5'000'000);
      std::ofstream(root_ + "/tar") << "";
      index.write(root_ + "/index", root_ + "/tar",
                  LayerIds{"sha256:" + std::string(64, 'a'), "sha256:" + std::string(64, 'b')}, {});
    } catch (const sys::Error& error) {
      return error.code();
    }
    return "none";
  }
};

std::string sparseOf(const std::string& name, uint64_t size, const std::string& map) {
  return TarBuilder()
      .pax({{"GNU.sparse.name", name}, {"GNU.sparse.size", std::to_string(size)}, {"GNU.sparse.map", map}})
      .file("x", "")
      .cut();
}

TEST_F(ErofsBoundsTest, TakesAsManyXattrsAsFitWithTheOpaqueMark) {
  const std::string capability = "SCHILY.xattr.user.";
  const auto tarOf = [&](size_t last) {
    TarBuilder tar;
    std::vector<std::pair<std::string, std::string>> xattrs;
    for (const char* name : {"a", "b", "c"})
      xattrs.emplace_back(capability + name, std::string(65000, *name));
    xattrs.emplace_back(capability + "d", std::string(last, 'd'));
    xattrs.emplace_back(capability + "e", std::string(5000, 'e'));
    return tar.pax(xattrs).directory("d").file("d/.wh..wh..opq", "").file("d/inner").end();
  };
  unsigned taken = 0, refused = 0;
  for (size_t last = 62020; last < 62140; last += 4) {
    const std::string tar = tarOf(last);
    std::ofstream(root_ + "/tar", std::ios::binary) << tar;
    ::unlink((root_ + "/index").c_str());
    StringSource source(tar, 1 << 16);
    try {
      LayerIndex(source, 100)
          .write(root_ + "/index", root_ + "/tar",
                 LayerIds{"sha256:" + std::string(64, 'a'), "sha256:" + std::string(64, 'b')}, {});
    } catch (const sys::Error& error) {
      EXPECT_EQ(error.code(), std::string("ERR_LAYER_CORRUPT"));
      ++refused;
      continue;
    }
    ++taken;
    const sys::UniqueFd layer = sys::mountErofs(root_ + "/index", root_ + "/tar");
    const sys::UniqueFd directory(::openat(layer.get(), "d", O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(directory);
    EXPECT_TRUE(isOpaque(directory.get())) << last;
    EXPECT_EQ(::faccessat(directory.get(), "inner", F_OK, 0), 0) << last;
  }
  EXPECT_GT(taken, 0u);
  EXPECT_GT(refused, 0u);
}

TEST_F(ErofsBoundsTest, RefusesSparseMapsOfMoreMemoryThanATarOfManyFilesTakes) {
  std::string map;
  for (int i = 0; i < 65536; ++i) map += map.empty() ? "0,0" : ",0,0";
  const auto make = [&](unsigned i) { return sparseOf("f" + std::to_string(i), 100, map); };
  EXPECT_EQ(outcome(1000, make), "ERR_LAYER_TOO_LARGE");
}

TEST_F(ErofsBoundsTest, RefusesXattrsOfMoreMemoryThanATarOfManyFilesTakes) {
  const auto make = [](unsigned i) {
    TarBuilder tar;
    for (int part = 0; part < 3; ++part)
      tar.pax({{"SCHILY.xattr.user.x", std::to_string(3 * i + part) + std::string(65000, 'x')},
               {"SCHILY.xattr.user.y", std::string(65000, 'x')}})
          .directory("d" + std::to_string(part));
    return tar.cut();
  };
  EXPECT_EQ(outcome(2000, make), "ERR_LAYER_TOO_LARGE");
}

TEST_F(ErofsBoundsTest, RefusesAnIndexOfManyGigabytesForFilesOfNothingButHoles) {
  const auto make = [](unsigned i) { return sparseOf("f" + std::to_string(i), uint64_t{1} << 62, "0,0"); };
  EXPECT_EQ(outcome(2, make), "none");
  ::unlink((root_ + "/index").c_str());
  EXPECT_EQ(outcome(200, make), "ERR_LAYER_TOO_LARGE");
  EXPECT_FALSE(std::filesystem::exists(root_ + "/index") &&
               std::filesystem::file_size(root_ + "/index") > (1u << 30));
}

std::string deepPath(unsigned i) {
  std::string path = std::to_string(i);
  while (path.size() < 4000) path += "/d";
  return path;
}

TEST_F(ErofsBoundsTest, RefusesImpliedDirectoriesWhosePathsAreEndless) {
  const auto make = [](unsigned i) { return TarBuilder().pax({{"path", deepPath(i)}}).file("f", "").cut(); };
  EXPECT_EQ(outcome(2000, make), "ERR_LAYER_TOO_LARGE");
}

TEST_F(ErofsBoundsTest, LooksForDeepDirectoriesInTheLayersBelowInAboutAsManyStepsAsThereAre) {
  std::string bytes;
  for (unsigned i = 0; i < 4; ++i) bytes += TarBuilder().pax({{"path", deepPath(i)}}).file("f", "").cut();
  std::ofstream(root_ + "/tar", std::ios::binary) << bytes;
  std::vector<sys::LayerRef> lowers;
  const std::clock_t before = std::clock();
  for (const std::string name : {"/below", "/above"}) {
    StringSource source(bytes, 1 << 16);
    LayerIndex(source, 5'000'000)
        .write(root_ + name, root_ + "/tar",
               LayerIds{"sha256:" + std::string(64, 'a'), "sha256:" + std::string(64, 'b')}, lowers);
    lowers.insert(lowers.begin(), {.index = root_ + name, .tar = root_ + "/tar"});
  }
  EXPECT_LT((std::clock() - before) / CLOCKS_PER_SEC, 15) << "8000 directories, 1000 levels deep on average";
}

}  // namespace
}  // namespace strake::layer::test
