#include "cgroup/host.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "cgroup/files.h"

namespace strake::cgroup {
namespace {

/// Every controller that a v1 hierarchy can carry; other words among the mount's options are flags (xattr,
/// noprefix).
constexpr std::array<std::string_view, 14> kControllers = {
    "cpu",  "cpuacct", "cpuset",  "memory",   "devices",    "freezer", "blkio",
    "pids", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma",    "misc"};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return parts;
}

/// mountinfo writes space, tab, newline and backslash as three octal digits (proc(5)).
std::string unescape(std::string_view field) {
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      text += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

struct CgroupMount {
  std::string root, point;
  bool unified = false;
  std::vector<std::string> controllers;
};

/// One line of mountinfo: id parent dev root point options optional… - type source superoptions.
std::optional<CgroupMount> parseMount(std::string_view line) {
  const size_t dash = line.find(" - cgroup");
  if (dash == std::string_view::npos) return std::nullopt;
  const auto before = split(line.substr(0, dash), ' ');
  const auto after = split(line.substr(dash + 3), ' ');
  if (before.size() < 5 || after.size() < 3) return std::nullopt;
  CgroupMount mount{unescape(before[3]), unescape(before[4]), after[0] == "cgroup2", {}};
  for (std::string& option : split(after[2], ',')) {
    if (std::find(kControllers.begin(), kControllers.end(), option) != kControllers.end())
      mount.controllers.push_back(std::move(option));
  }
  if (!mount.unified && mount.controllers.empty()) return std::nullopt;
  return mount;
}

/// The caller's path in the hierarchy of `controller` ("" is v2): a line id:controllers:path of
/// /proc/self/cgroup.
std::string ownGroup(std::string_view ownGroups, std::string_view controller) {
  for (const std::string& line : split(ownGroups, '\n')) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view names = std::string_view(line).substr(first + 1, second - first - 1);
    const auto each = split(names, ',');
    const bool matches =
        controller.empty() ? names.empty() : std::find(each.begin(), each.end(), controller) != each.end();
    if (matches) return line.substr(second + 1);
  }
  return "/";
}

/// Where `own` is seen through a mount whose root is `root`.
std::string belowMount(const CgroupMount& mount, std::string own) {
  if (mount.root != "/" && own.starts_with(mount.root)) own.erase(0, mount.root.size());
  return own == "/" || own.empty() ? mount.point : mount.point + own;
}

/// The topmost of `own` and the groups above it that may be written, without a gap between; `own` where none
/// may.
std::string topmostWritable(const std::string& point, std::string own,
                            const std::function<bool(const std::string&)>& writable) {
  if (!writable(own)) return own;
  for (std::string above = own; above.size() > point.size();) {
    above.resize(above.rfind('/'));
    if (!writable(above)) break;
    own = above;
  }
  return own;
}

Hierarchy hierarchyOf(const CgroupMount& mount, std::string_view ownGroups,
                      const std::function<bool(const std::string&)>& writable) {
  Hierarchy hierarchy{mount.point.substr(mount.point.rfind('/') + 1), mount.controllers, mount.point};
  if (writable(mount.point)) return hierarchy;
  const std::string_view controller = mount.unified ? std::string_view() : mount.controllers.front();
  hierarchy.directory =
      topmostWritable(mount.point, belowMount(mount, ownGroup(ownGroups, controller)), writable);
  hierarchy.delegated = writable(hierarchy.directory);
  return hierarchy;
}

/// A directory alone is no delegation: processes must be allowed to enter it as well (cgroups(7)).
bool mayFill(const std::string& directory) {
  if (::access(directory.c_str(), W_OK) != 0) return false;
  const std::string procs = directory + "/cgroup.procs";
  return ::access(procs.c_str(), F_OK) != 0 || ::access(procs.c_str(), W_OK) == 0;
}

std::string withoutNewline(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

bool known(const Host& host, const CgroupMount& mount) {
  if (mount.unified) return host.unified.has_value();
  return std::any_of(host.v1.begin(), host.v1.end(),
                     [&](const Hierarchy& hierarchy) { return hierarchy.has(mount.controllers.front()); });
}

}  // namespace

bool Hierarchy::has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

Host parseHost(std::string_view mountinfo, std::string_view ownGroups,
               const std::function<bool(const std::string&)>& writable) {
  Host host;
  for (const std::string& line : split(mountinfo, '\n')) {
    const auto mount = parseMount(line);
    if (!mount || known(host, *mount)) continue;
    if (mount->unified) {
      host.unified = hierarchyOf(*mount, ownGroups, writable);
    } else {
      host.v1.push_back(hierarchyOf(*mount, ownGroups, writable));
    }
  }
  if (!host.v1.empty()) {
    host.layout = host.unified ? Layout::hybrid : Layout::v1;
  } else if (host.unified) {
    host.layout = Layout::v2;
  }
  return host;
}

const Host& host() {
  // Never destroyed: a thread of the addon may still use it when the process exits.
  static const auto* cached = new Host(parseHost(readFile("/proc/self/mountinfo").value_or(""),
                                                 readFile("/proc/self/cgroup").value_or(""), mayFill));
  return *cached;
}

bool delegated() {
  const auto isOurs = [](const Hierarchy& hierarchy) { return hierarchy.delegated; };
  if (layout() == Layout::v2) return isOurs(*host().unified);
  return std::any_of(host().v1.begin(), host().v1.end(), isOurs);
}

std::vector<std::string> delegatedControllers() {
  if (!delegated()) return {};
  if (layout() == Layout::v2)
    return split(withoutNewline(readFile(host().unified->directory + "/cgroup.controllers").value_or("")),
                 ' ');
  std::vector<std::string> all;
  for (const Hierarchy& hierarchy : host().v1)
    if (hierarchy.delegated)
      all.insert(all.end(), hierarchy.controllers.begin(), hierarchy.controllers.end());
  return all;
}

Layout layout() {
  return host().layout;
}

}  // namespace strake::cgroup
