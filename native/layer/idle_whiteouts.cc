#include "layer/idle_whiteouts.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer/entry_path.h"
#include "layer/keep_times.h"
#include "layer/layer_tree.h"
#include "sys/directory.h"
#include "sys/error.h"

namespace strake::layer {

namespace {

class Removal {
 public:
  Removal(int root, const LayerStack& lowers) : root_(root), lowers_(lowers) {}

  void run() {
    while (!pending_.empty()) {
      const Visit visit = std::move(pending_.back());
      pending_.pop_back();
      enter(visit);
    }
  }

 private:
  struct Visit {
    std::string path;
    /// Nothing of the layers below shows here.
    bool hidden = false;
  };

  void enter(const Visit& visit) {
    sys::UniqueFd fd = openBeneath(root_, visit.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    sys::check(fd.get(), "openat2", visit.path);
    const bool hidden = visit.hidden || isOpaque(fd.get());
    sys::Directory directory(std::move(fd), visit.path);
    std::vector<std::string> idle;
    while (const std::optional<sys::DirectoryEntry> entry = directory.next()) {
      if (!mayMatter(entry->type)) continue;
      struct stat status {};
      const std::string path = joined(visit.path, entry->name);
      sys::check(::fstatat(directory.fd(), entry->name, &status, AT_SYMLINK_NOFOLLOW), "fstatat", path);
      if (S_ISDIR(status.st_mode)) pending_.push_back({path, hidden});
      if (isWhiteout(status) && (hidden || lowers_.find(path).kind == Found::absent))
        idle.emplace_back(entry->name);
    }
    remove(directory.fd(), idle);
  }

  static bool mayMatter(unsigned char type) { return type == DT_DIR || type == DT_CHR || type == DT_UNKNOWN; }

  static void remove(int directory, const std::vector<std::string>& names) {
    if (names.empty()) return;
    const KeepTimes keep(directory);
    for (const std::string& name : names)
      sys::check(::unlinkat(directory, name.c_str(), 0), "unlinkat", name);
  }

  int root_;
  const LayerStack& lowers_;
  std::vector<Visit> pending_ = {{}};
};

}  // namespace

void removeIdleWhiteouts(int root, const LayerStack& lowers) {
  Removal(root, lowers).run();
}

}  // namespace strake::layer
