#include "layer/compare_trees.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "layer/entry_path.h"
#include "layer/layer_stack.h"
#include "layer/layer_tree.h"
#include "layer/xattrs.h"
#include "sys/directory.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr size_t chunkSize = 256 << 10;

sys::UniqueFd openRoot(const std::string& path) {
  return sys::UniqueFd(sys::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

std::vector<std::string> sortedNames(int root, const std::string& path) {
  sys::UniqueFd fd = openBeneath(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  sys::check(fd.get(), "openat2", path);
  std::vector<std::string> names = sys::Directory(std::move(fd), path).names();
  std::sort(names.begin(), names.end());
  return names;
}

sys::UniqueFd reopen(int fd, const std::string& path) {
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  return sys::UniqueFd(sys::check(::open(name.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
}

bool sameContents(int left, int right, const std::string& path) {
  const sys::UniqueFd one = reopen(left, path), other = reopen(right, path);
  std::vector<char> first(chunkSize), second(chunkSize);
  for (;;) {
    const size_t size = sys::readFull(one.get(), first, path);
    if (sys::readFull(other.get(), second, path) != size) return false;
    if (!std::equal(first.begin(), first.begin() + static_cast<long>(size), second.begin())) return false;
    if (size < chunkSize) return true;
  }
}

class Comparison {
 public:
  Comparison(const std::string& expected, const std::string& actual, const std::vector<std::string>& implied)
      : expected_(openRoot(expected)), actual_(openRoot(actual)) {
    for (const std::string& path : implied) implied_.insert(normalise(path));
  }

  std::optional<TreeDifference> run() {
    std::vector<std::string> waiting = {""};
    while (!waiting.empty()) {
      const std::string path = std::move(waiting.back());
      waiting.pop_back();
      bool isDirectory = false;
      if (const std::string what = compareAt(path, isDirectory); !what.empty())
        return TreeDifference{"/" + path, what};
      if (!isDirectory) continue;
      const std::vector<std::string> names = sortedNames(expected_.get(), path);
      if (const auto difference = compareNames(path, names)) return difference;
      for (auto name = names.rbegin(); name != names.rend(); ++name) waiting.push_back(joined(path, *name));
    }
    return std::nullopt;
  }

 private:
  std::optional<TreeDifference> compareNames(const std::string& path, const std::vector<std::string>& names) {
    const std::vector<std::string> found = sortedNames(actual_.get(), path);
    std::vector<std::string> differ;
    std::set_symmetric_difference(names.begin(), names.end(), found.begin(), found.end(),
                                  std::back_inserter(differ));
    if (differ.empty()) return std::nullopt;
    const bool isMissing = std::binary_search(names.begin(), names.end(), differ.front());
    return TreeDifference{"/" + joined(path, differ.front()), isMissing ? "it is missing" : "it was added"};
  }

  /// What differs at one path, or "".
  std::string compareAt(const std::string& path, bool& isDirectory) {
    const sys::UniqueFd one = openBeneath(expected_.get(), path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const sys::UniqueFd other = openBeneath(actual_.get(), path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    sys::check(one.get(), "openat2", path);
    if (!other) return "it is missing";
    struct stat left {
    }, right{};
    sys::check(::fstat(one.get(), &left), "fstat", path);
    sys::check(::fstat(other.get(), &right), "fstat", path);
    isDirectory = S_ISDIR(left.st_mode);
    if (const std::string what = compareStatus(left, right, path); !what.empty()) return what;
    if (const std::string what = compareXattrs(one.get(), other.get(), path); !what.empty()) return what;
    if (isDirectory) return isOpaque(one.get()) == isOpaque(other.get()) ? "" : "opaque mark";
    if (S_ISLNK(left.st_mode))
      return linkText(one.get(), path) == linkText(other.get(), path) ? "" : "link text";
    if (S_ISREG(left.st_mode)) return sameContents(one.get(), other.get(), path) ? "" : "contents";
    return "";
  }

  std::string compareStatus(const struct stat& left, const struct stat& right, const std::string& path) {
    if (left.st_mode != right.st_mode) return "mode";
    if (left.st_uid != right.st_uid || left.st_gid != right.st_gid) return "owner";
    if (isWhiteout(left) && isWhiteout(right)) return "";
    if (implied_.contains(path)) return "";
    if (left.st_mtim.tv_sec != right.st_mtim.tv_sec || left.st_mtim.tv_nsec != right.st_mtim.tv_nsec)
      return "time of modification";
    if (S_ISDIR(left.st_mode)) return "";
    if (left.st_rdev != right.st_rdev) return "device";
    if (left.st_size != right.st_size) return "size";
    return compareLinks(left, right, path);
  }

  /// The names of one file in one tree are those of one file in the other.
  std::string compareLinks(const struct stat& left, const struct stat& right, const std::string& path) {
    if (left.st_nlink == 1 && right.st_nlink == 1) return "";
    const std::string& first = firstNames_.try_emplace(left.st_ino, path).first->second;
    const std::string& second = secondNames_.try_emplace(right.st_ino, path).first->second;
    return first == second ? "" : "hard link";
  }

  static std::string compareXattrs(int one, int other, const std::string& path) {
    Xattrs left = readXattrs(one, path), right = readXattrs(other, path);
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    if (left == right) return "";
    Xattrs differ;
    std::set_symmetric_difference(left.begin(), left.end(), right.begin(), right.end(),
                                  std::back_inserter(differ));
    return "xattr " + differ.front().first;
  }

  sys::UniqueFd expected_, actual_;
  std::set<std::string> implied_;
  /// By inode, the first name of a file with several.
  std::map<ino_t, std::string> firstNames_, secondNames_;
};

}  // namespace

std::optional<TreeDifference> compareTrees(const std::string& expected, const std::string& actual,
                                           const std::vector<std::string>& implied) {
  return Comparison(expected, actual, implied).run();
}

}  // namespace strake::layer
