#include "cgroup/v2_group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "cgroup/device_program.h"
#include "cgroup/files.h"
#include "cgroup/limits.h"
#include "cgroup/members.h"
#include "cgroup/stats.h"
#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::cgroup {
namespace {

using namespace std::chrono_literals;

/// Delegated to every container where the host has them: for limits now or later, and for stats.
constexpr std::array<std::string_view, 4> kAlways = {"memory", "pids", "cpu", "io"};
/// Controllers that are always there and in no cgroup.controllers: the core's own files and the BPF programs.
constexpr std::array<std::string_view, 2> kCore = {"cgroup", "devices"};

bool listed(std::string_view words, std::string_view word) {
  for (size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1)) {
    const bool starts = at == 0 || words[at - 1] == ' ';
    const size_t end = at + word.size();
    if (starts && (end == words.size() || words[end] == ' ' || words[end] == '\n')) return true;
  }
  return false;
}

class V2Group final : public Cgroup {
 public:
  V2Group(const Hierarchy& unified, const std::string& path)
      : base_(unified.directory), path_(checkedPath(path)), directory_(base_ + "/" + path_) {}

  void create(const Resources& resources);
  void open();

  void update(const Resources& resources) override;
  int joinSelf() noexcept override { return ::write(procs_.get(), "0", 1) < 0 ? errno : 0; }
  int cloneFd() const noexcept override { return fd_.get(); }
  void join(int pid) override;
  void freeze() override { setFrozen(true); }
  void thaw() override { setFrozen(false); }
  bool frozen() const override { return event("frozen") == 1; }
  std::vector<int> processes() const override { return processesBelow(directory_); }
  void kill() override;
  Stats stats() const override { return v2Stats(directory_); }
  uint64_t oomKills() const override { return stats().oomKills; }
  sys::UniqueFd watchOom() const override;
  void remove() override;
  std::vector<Directory> directories() const override;

 private:
  void openFiles(const std::string& directory);
  std::string entrance() const;
  void delegate(const std::vector<LimitWrite>& writes);
  void enable(std::string_view controller);
  void apply(const Resources& resources);
  void setFrozen(bool frozen);
  std::string file(const char* name) const { return directory_ + "/" + name; }
  uint64_t event(const char* key) const {
    return keyedNumber(readFile(file("cgroup.events")).value_or(""), key);
  }

  std::string base_, path_, directory_;
  sys::UniqueFd fd_, procs_;
};

void V2Group::create(const Resources& resources) {
  makeGroup(base_, path_, [](const std::string&) {});
  try {
    openFiles(directory_);
    apply(resources);
  } catch (...) {
    removeGroup(directory_, std::chrono::steady_clock::now());
    throw;
  }
}

void V2Group::open() {
  try {
    openFiles(entrance());
  } catch (const sys::SysError& error) {
    if (error.error() != ENOENT) throw;  // absent: a group without processes, whose removal is done
  }
}

/// Where another process can enter. A group that has given its controllers to its children (a container that
/// runs systemd) can hold no process itself: then it is the group of the oldest process, the container's
/// init.
std::string V2Group::entrance() const {
  if (readFile(file("cgroup.subtree_control")).value_or("\n") == "\n") return directory_;
  std::string oldest = directory_;
  int least = std::numeric_limits<int>::max();
  forEachGroup(directory_, [&](const std::string& group) {
    const auto pid = readNumber(group + "/cgroup.procs").value_or(0);
    if (pid > 0 && static_cast<int>(pid) < least) least = static_cast<int>(pid), oldest = group;
  });
  return oldest;
}

void V2Group::openFiles(const std::string& directory) {
  fd_.reset(sys::check(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", directory));
  procs_.reset(sys::check(::openat(fd_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC), "open",
                          directory + "/cgroup.procs"));
}

void V2Group::update(const Resources& resources) {
  const auto& memory = resources.memory;
  // A limit below the usage makes the kernel kill inside; v1 refuses such a limit by itself (EBUSY).
  if (memory.checkBeforeUpdate.value_or(false) && memory.limit.value_or(-1) >= 0 &&
      readNumber(file("memory.current")).value_or(0) > static_cast<uint64_t>(*memory.limit))
    throwInvalid("memory.limit", std::to_string(*memory.limit), directory_ + " uses more than that now");
  apply(resources);
}

void V2Group::apply(const Resources& resources) {
  const auto writes = v2Limits(resources);
  delegate(writes);
  writeLimits(directory_, writes);
  if (!resources.devices.empty()) attachDeviceProgram(fd_.get(), resources.devices);
}

/// A group has the controllers that its parent lists in cgroup.subtree_control, from our top directory down.
/// On the way of most starts they are there already, and one read says so.
void V2Group::delegate(const std::vector<LimitWrite>& writes) {
  const auto has = [&](std::string_view controller) {
    return listed(readFile(file("cgroup.controllers")).value_or(""), controller);
  };
  const std::string present = readFile(file("cgroup.controllers")).value_or("");
  for (const std::string_view controller : kAlways) {
    if (!listed(present, controller)) enable(controller);
  }
  for (const LimitWrite& write : writes) {
    const bool core = std::find(kCore.begin(), kCore.end(), write.controller) != kCore.end();
    if (core || listed(present, write.controller) || has(write.controller)) continue;
    enable(write.controller);
    if (!has(write.controller))
      throwMissing(write.controller, write.option,
                   "it is not available below " + base_ +
                       "; move the processes of that group into a child of it and write +" +
                       write.controller + " to its cgroup.subtree_control, or leave the option out");
  }
}

/// The kernel refuses most controllers to the children of a group with processes of its own (EBUSY). The
/// threaded ones (cpu, pids, cpuset) it gives, and that makes every child "domain invalid": one that no
/// process can be in. The top of the hierarchy, which has no cgroup.type, is free of that rule
/// (cgroup-v2.rst, "No Internal Process Constraint", "Threads").
bool mayGiveToChildren(const std::string& group) {
  return ::access((group + "/cgroup.type").c_str(), F_OK) != 0 ||
         readFile(group + "/cgroup.procs").value_or("").empty();
}

/// Every ancestor in turn; one that refuses (not available, or it has processes of its own) ends the attempt.
void V2Group::enable(std::string_view controller) {
  if (!listed(readFile(base_ + "/cgroup.controllers").value_or(""), controller)) return;
  const std::string request = "+" + std::string(controller);
  for (size_t slash = 0; slash != std::string::npos; slash = path_.find('/', slash + 1)) {
    const std::string ancestor = slash == 0 ? base_ : base_ + "/" + path_.substr(0, slash);
    if (listed(readFile(ancestor + "/cgroup.subtree_control").value_or(""), controller)) continue;
    if (!mayGiveToChildren(ancestor)) return;
    if (writeFile(ancestor + "/cgroup.subtree_control", request) != 0) return;
  }
}

void V2Group::join(int pid) {
  const std::string text = std::to_string(pid);
  if (::write(procs_.get(), text.data(), text.size()) < 0) sys::throwErrno("write", file("cgroup.procs"));
}

void V2Group::setFrozen(bool frozen) {
  if (!fd_) throwAbsent(path_);
  if (const int error = writeFile(file("cgroup.freeze"), frozen ? "1" : "0"); error != 0)
    throw sys::SysError(error, "write", file("cgroup.freeze"));
  if (!frozen || waitUntil(2s, [&] { return this->frozen(); })) return;
  writeFile(file("cgroup.freeze"), "0");
  throw sys::Error("ERR_CGROUP_FAILED",
                   "not everything in " + directory_ +
                       " could be frozen within 2 s: a process waits in the kernel without being "
                       "interruptible (state D in ps); try again when its input or output has ended");
}

/// cgroup.kill (Linux 5.14) reaches every process at once, forks in flight included; before it, signals until
/// none is left.
void V2Group::kill() {
  const bool whole = writeFile(file("cgroup.kill"), "1") == 0;
  const bool empty = waitUntil(10s, [&] {
    if (!whole) {
      writeFile(file("cgroup.freeze"), "1");
      for (const int pid : processes()) ::kill(pid, SIGKILL);
      writeFile(file("cgroup.freeze"), "0");
    }
    return event("populated") == 0;
  });
  if (!empty)
    throw sys::Error("ERR_CGROUP_FAILED", "processes of " + directory_ +
                                              " did not die within 10 s of SIGKILL (state D in ps): " +
                                              "they wait for a device or a file system");
}

// cgroup-v2.rst, "memory.events": a change of it is a file modified event.
sys::UniqueFd V2Group::watchOom() const {
  sys::UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events || ::inotify_add_watch(events.get(), file("memory.events").c_str(), IN_MODIFY) < 0) return {};
  return events;
}

void V2Group::remove() {
  if (const int error = removeGroup(directory_, std::chrono::steady_clock::now() + 2s); error != 0)
    throw sys::SysError(error, "rmdir", directory_);
}

std::vector<Directory> V2Group::directories() const {
  if (!fd_) return {};
  return {{"", directory_}};
}

}  // namespace

std::unique_ptr<Cgroup> createV2(const Hierarchy& unified, const std::string& path,
                                 const Resources& resources) {
  auto group = std::make_unique<V2Group>(unified, path);
  group->create(resources);
  return group;
}

std::unique_ptr<Cgroup> openV2(const Hierarchy& unified, const std::string& path) {
  auto group = std::make_unique<V2Group>(unified, path);
  group->open();
  return group;
}

}  // namespace strake::cgroup
