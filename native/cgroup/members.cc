#include "cgroup/members.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <thread>

#include "cgroup/files.h"
#include "sys/error.h"

namespace strake::cgroup {
namespace {

using std::chrono::steady_clock;

constexpr mode_t kMode = 0755;

std::vector<std::string> childGroups(const std::string& directory) {
  std::vector<std::string> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory.c_str()), ::closedir);
  if (!listing) return children;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      children.push_back(directory + "/" + entry->d_name);
  }
  return children;
}

void makeParents(const std::string& base, const std::string& path,
                 const std::function<void(const std::string&)>& made) {
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = base + "/" + path.substr(0, slash);
    if (::mkdir(parent.c_str(), kMode) == 0) {
      made(parent);
    } else if (errno != EEXIST) {
      sys::throwErrno("mkdir", parent);
    }
  }
}

void replaceLeftover(const std::string& directory) {
  if (!processesBelow(directory).empty() || removeGroup(directory, steady_clock::now()) != 0) {
    throw sys::Error(
        "ERR_CGROUP_FAILED",
        "cgroup " + directory + " exists and has processes: stop them, or give the container another cgroup");
  }
  if (::mkdir(directory.c_str(), kMode) < 0) sys::throwErrno("mkdir", directory);
}

}  // namespace

void forEachGroup(const std::string& directory, const std::function<void(const std::string&)>& visit) {
  visit(directory);
  for (const std::string& child : childGroups(directory)) forEachGroup(child, visit);
}

std::vector<int> processesBelow(const std::string& directory) {
  std::vector<int> pids;
  forEachGroup(directory, [&](const std::string& group) {
    const std::string text = readFile(group + "/cgroup.procs").value_or("");
    const char *at = text.data(), *end = at + text.size();
    for (int pid = 0; at < end; ++at) {
      const auto [next, error] = std::from_chars(at, end, pid);
      if (error != std::errc{}) break;
      if (pid > 0) pids.push_back(pid);  // 0: of a pid namespace that is not below ours
      at = next;
    }
  });
  return pids;
}

void makeGroup(const std::string& base, const std::string& path,
               const std::function<void(const std::string&)>& madeParent) {
  const std::string directory = base + "/" + path;
  if (::mkdir(directory.c_str(), kMode) == 0) return;
  if (errno == ENOENT) {
    makeParents(base, path, madeParent);
    if (::mkdir(directory.c_str(), kMode) == 0) return;
  }
  if (errno != EEXIST) sys::throwErrno("mkdir", directory);
  replaceLeftover(directory);
}

int removeGroup(const std::string& directory, steady_clock::time_point deadline) noexcept {
  auto pause = std::chrono::microseconds(100);
  while (::rmdir(directory.c_str()) < 0 && errno != ENOENT) {
    const int error = errno;
    if (error != EBUSY && error != ENOTEMPTY) return error;
    const auto children = childGroups(directory);
    for (const std::string& child : children) removeGroup(child, deadline);
    if (!children.empty() && ::rmdir(directory.c_str()) == 0) return 0;
    if (steady_clock::now() >= deadline) return error;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(5000));
  }
  return 0;
}

bool waitUntil(std::chrono::milliseconds limit, const std::function<bool()>& done) {
  const auto deadline = steady_clock::now() + limit;
  auto pause = std::chrono::microseconds(50);
  while (!done()) {
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(5000));
  }
  return true;
}

std::string checkedPath(const std::string& path) {
  std::string clean;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty()) continue;
    if (part == "." || part == ".." || part.find('\0') != std::string::npos)
      throw sys::Error("ERR_CGROUP_FAILED",
                       "cgroup path \"" + path + "\" leaves its place: use names only, as in strake/ID");
    clean += (clean.empty() ? "" : "/") + part;
  }
  if (clean.empty()) throw sys::Error("ERR_CGROUP_FAILED", "a cgroup path needs a name, as in strake/ID");
  return clean;
}

}  // namespace strake::cgroup
