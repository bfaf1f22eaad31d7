#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "sys/disk_usage.h"
#include "sys/errno_name.h"
#include "sys/error.h"
#include "sys/lock.h"
#include "sys/remove_tree.h"
#include "sys/whole_file.h"

namespace strake::sys {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() {
    char name[] = "/tmp/strake-sys-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~Files() override { fs::remove_all(folder_); }

  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  std::string read(const std::string& name) const {
    std::ifstream in(at(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  size_t entries() const { return std::distance(fs::directory_iterator(folder_), fs::directory_iterator()); }

  std::string folder_;
};

TEST_F(Files, AtomicWriteReplacesTheFileAndItsMode) {
  writeFileAtomic(at("f"), "old", 0600, false);
  writeFileAtomic(at("f"), "new", 04644, true);
  EXPECT_EQ(read("f"), "new");
  EXPECT_EQ(fs::status(at("f")).permissions(), static_cast<fs::perms>(04644));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, AtomicWriteThatFailsLeavesNothing) {
  fs::create_directories(at("d/inside"));
  EXPECT_THROW(writeFileAtomic(at("d"), "x", 0600, true), SysError);
  EXPECT_THROW(writeFileAtomic(at("absent/f"), "x", 0600, false), SysError);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, ErrorsNameTheCallAndThePath) {
  try {
    syncFileSystem("/absent");
    FAIL();
  } catch (const SysError& error) {
    EXPECT_EQ(error.error(), ENOENT);
    EXPECT_EQ(error.call(), "open");
    EXPECT_EQ(error.path(), "/absent");
    EXPECT_STREQ(errnoName(error.error()), "ENOENT");
  }
  EXPECT_STREQ(errnoName(EOPNOTSUPP), "EOPNOTSUPP");
  EXPECT_STREQ(errnoName(99999), "EUNKNOWN");
}

TEST_F(Files, ALockExcludesUntilItIsReleased) {
  FileLock lock = lockFile(at("lock"), LockMode::exclusive);
  EXPECT_FALSE(tryLockFile(at("lock"), LockMode::exclusive));
  EXPECT_FALSE(tryLockFile(at("lock"), LockMode::shared));
  lock.release();
  const auto one = tryLockFile(at("lock"), LockMode::shared);
  const auto two = tryLockFile(at("lock"), LockMode::shared);
  EXPECT_TRUE(one && two);
}

TEST_F(Files, AWaiterTakesTheLockOfTheFileThatHasTheName) {
  FileLock lock = lockFile(at("lock"), LockMode::exclusive);
  std::thread waiter([this] {
    const FileLock waited = lockFile(at("lock"), LockMode::exclusive);
    EXPECT_FALSE(tryLockFile(at("lock"), LockMode::exclusive));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  fs::remove(at("lock"));
  lock.release();
  waiter.join();
}

TEST_F(Files, ALockIsNoLink) {
  fs::create_symlink("elsewhere", at("lock"));
  EXPECT_THROW(tryLockFile(at("lock"), LockMode::exclusive), SysError);
  EXPECT_FALSE(fs::exists(at("elsewhere")));
}

TEST_F(Files, RemovingATreeFollowsNoLink) {
  fs::create_directories(at("tree/a/b"));
  fs::create_directory(at("kept"));
  std::ofstream(at("kept/file")) << "x";
  fs::create_directory_symlink(at("kept"), at("tree/a/link"));
  std::ofstream(at("tree/a/b/f")) << "x";
  removeTree(at("tree"));
  removeTree(at("tree"));
  EXPECT_FALSE(fs::exists(at("tree")));
  EXPECT_EQ(read("kept/file"), "x");
}

TEST_F(Files, OfARemovedTreeTheLargeFilesAreHandedOver) {
  fs::create_directories(at("tree/a"));
  std::ofstream(at("tree/small")) << "x";
  std::ofstream(at("tree/a/large")) << "large";
  fs::resize_file(at("tree/a/large"), 8 << 20);
  fs::create_symlink(at("tree/a/large"), at("tree/link"));
  std::vector<UniqueFd> unlinked;
  removeTree(at("tree"), &unlinked);
  EXPECT_FALSE(fs::exists(at("tree")));
  ASSERT_EQ(unlinked.size(), 1u);
  struct stat status {};
  ASSERT_EQ(::fstat(unlinked[0].get(), &status), 0);
  EXPECT_EQ(status.st_size, 8 << 20);
  EXPECT_EQ(status.st_nlink, 0u);
}

TEST_F(Files, RemovingATreeUsesFewDescriptors) {
  const int top = ::open(folder_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  UniqueFd at(top);
  for (int i = 0; i < 2500; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at.reset(::openat(at.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at);
  }
  EXPECT_EQ(diskUsage(folder_ + "/d").inodes, 2500u);
  removeTree(folder_ + "/d");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(Files, RemovingATreeBearsWithWhoFillsIt) {
  fs::create_directory(at("tree"));
  std::thread filler([this] {
    for (int i = 0; i < 500; ++i) {
      const UniqueFd fd(
          ::open(at("tree/f" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
  });
  try {
    removeTree(at("tree"));
  } catch (const SysError& error) {
    EXPECT_EQ(error.error(), ENOTEMPTY);
  }
  filler.join();
  removeTree(at("tree"));
  EXPECT_FALSE(fs::exists(at("tree")));
}

TEST_F(Files, DiskUsageCountsAFileWithTwoNamesOnce) {
  std::ofstream(at("a")) << std::string(100'000, 'x');
  fs::create_hard_link(at("a"), at("b"));
  const DiskUsage usage = diskUsage(folder_);
  EXPECT_EQ(usage.inodes, 2u);
  EXPECT_GE(usage.bytes, 100'000u);
  EXPECT_LT(usage.bytes, 200'000u);
}

}  // namespace
}  // namespace strake::sys
