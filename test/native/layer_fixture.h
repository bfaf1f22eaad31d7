// A directory to unpack into, and questions about what became of it.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "layer/apply.h"
#include "sys/error.h"
#include "sys/remove_tree.h"
#include "tar_builder.h"

namespace strake::layer::test {

class LayerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: owners, devices and trusted.* xattrs";
    ::umask(0);
    // /tmp and not a tmpfs: overlayfs' xattrs and user.* must be there.
    char name[] = "/tmp/strake-layer-XXXXXX";
    root_ = mkdtemp(name);
    target_ = root_ + "/layer";
    std::filesystem::create_directory(target_);
  }
  void TearDown() override {
    if (!root_.empty()) sys::removeTree(root_);
  }

  ApplyResult apply(const std::string& tar, uint64_t maxEntries = 10000, size_t piece = 1000) {
    StringSource source(tar, piece);
    TarReader reader(source);
    return Applier(target_, maxEntries).apply(reader);
  }

  /// The code and message that applying fails with.
  std::pair<std::string, std::string> failure(const std::string& tar, uint64_t maxEntries = 10000) {
    try {
      apply(tar, maxEntries);
    } catch (const sys::Error& error) {
      return {error.code(), error.what()};
    } catch (const sys::SysError& error) {
      return {"SysError", error.what()};
    }
    return {"none", ""};
  }

  std::string at(const std::string& path) const { return target_ + "/" + path; }
  std::string read(const std::string& path) const {
    std::ifstream in(at(path), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  struct stat status(const std::string& path) const {
    struct stat result {};
    EXPECT_EQ(::lstat(at(path).c_str(), &result), 0) << path;
    return result;
  }
  bool exists(const std::string& path) const {
    struct stat ignored {};
    return ::lstat(at(path).c_str(), &ignored) == 0;
  }
  std::string xattr(const std::string& path, const char* name) const {
    char value[256];
    const ssize_t size = ::lgetxattr(at(path).c_str(), name, value, sizeof value);
    return size < 0 ? "(none)" : std::string(value, static_cast<size_t>(size));
  }
  bool isWhiteoutAt(const std::string& path) const {
    const struct stat found = status(path);
    return S_ISCHR(found.st_mode) && found.st_rdev == makedev(0, 0);
  }
  std::string linkAt(const std::string& path) const { return std::filesystem::read_symlink(at(path)); }

  std::string root_;
  std::string target_;
};

}  // namespace strake::layer::test
