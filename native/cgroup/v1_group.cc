#include "cgroup/v1_group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cgroup/files.h"
#include "cgroup/limits.h"
#include "cgroup/members.h"
#include "cgroup/stats.h"
#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::cgroup {
namespace {

using namespace std::chrono_literals;

/// Every container is in these where they exist: for its limits now or later, for freeze, kill and stats; and
/// the JVM reads its limits only where it finds cpuset too. hugetlb is entered only for a limit of its own;
/// what a container has no use for (net_cls, perf_event) is left alone.
constexpr std::array<std::string_view, 8> kAlways = {"freezer", "devices", "memory", "cpu",
                                                     "cpuset",  "cpuacct", "pids",   "blkio"};

/// A new cpuset refuses processes until it has cpus and mems: those of its parent (cpuset(7)).
void inheritCpuset(const std::string& directory) {
  const std::string parent = directory.substr(0, directory.rfind('/'));
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (const auto value = readFile(parent + file)) writeFile(directory + file, *value);
  }
}

class V1Group final : public Cgroup {
 public:
  V1Group(const Host& host, std::string path) : host_(host), path_(checkedPath(path)) {}

  void create(const Resources& resources);
  void open();

  void update(const Resources& resources) override { apply(v1Limits(resources, false)); }
  int joinSelf() noexcept override;
  int cloneFd() const noexcept override { return -1; }
  void join(int pid) override;
  void freeze() override;
  void thaw() override;
  bool frozen() const override;
  std::vector<int> processes() const override;
  void kill() override;
  Stats stats() const override;
  uint64_t oomKills() const override;
  sys::UniqueFd watchOom() const override;
  void remove() override;
  std::vector<Directory> directories() const override;

 private:
  struct Member {
    const Hierarchy* hierarchy;
    std::string directory;
    sys::UniqueFd tasks;
  };

  Member& enter(const Hierarchy& hierarchy);
  void enterForLimit(const Hierarchy& hierarchy);
  void apply(const std::vector<LimitWrite>& writes);
  const Member* member(std::string_view controller) const;
  const Member& needed(const LimitWrite& write);
  std::string file(std::string_view controller, const char* name) const;
  std::string freezer() const;

  const Host& host_;
  std::string path_;
  std::vector<Member> members_;
};

void V1Group::create(const Resources& resources) {
  const auto writes = v1Limits(resources, true);
  try {
    for (const Hierarchy& hierarchy : host_.v1) {
      if (!hierarchy.delegated) continue;
      if (std::any_of(kAlways.begin(), kAlways.end(),
                      [&](std::string_view name) { return hierarchy.has(name); }))
        enter(hierarchy);
    }
    apply(writes);
  } catch (...) {
    for (const Member& made : members_) removeGroup(made.directory, std::chrono::steady_clock::now());
    throw;
  }
}

void V1Group::open() {
  for (const Hierarchy& hierarchy : host_.v1) {
    std::string directory = hierarchy.directory + "/" + path_;
    sys::UniqueFd tasks(::open((directory + "/tasks").c_str(), O_WRONLY | O_CLOEXEC));
    if (tasks) members_.push_back({&hierarchy, std::move(directory), std::move(tasks)});
  }
}

V1Group::Member& V1Group::enter(const Hierarchy& hierarchy) {
  const bool cpuset = hierarchy.has("cpuset");
  const auto initialise = [&](const std::string& directory) {
    if (cpuset) inheritCpuset(directory);
  };
  std::string directory = hierarchy.directory + "/" + path_;
  makeGroup(hierarchy.directory, path_, initialise);
  Member& made = members_.emplace_back(Member{&hierarchy, std::move(directory), {}});
  initialise(made.directory);
  const std::string tasks = made.directory + "/tasks";
  made.tasks.reset(sys::check(::open(tasks.c_str(), O_WRONLY | O_CLOEXEC), "open", tasks));
  return made;
}

/// A limit on a hierarchy that the group is not in yet: it is entered, by the processes that are there as
/// well.
void V1Group::enterForLimit(const Hierarchy& hierarchy) {
  const std::vector<int> pids = processes();
  const std::string procs = enter(hierarchy).directory + "/cgroup.procs";
  for (const int pid : pids) {
    const int error = writeFile(procs, std::to_string(pid));
    if (error != 0 && error != ESRCH) throw sys::SysError(error, "write", procs);
  }
}

void V1Group::apply(const std::vector<LimitWrite>& writes) {
  for (auto first = writes.begin(); first != writes.end();) {
    const auto last = std::find_if(
        first, writes.end(), [&](const LimitWrite& write) { return write.controller != first->controller; });
    writeLimits(needed(*first).directory, {first, last});
    first = last;
  }
}

const V1Group::Member* V1Group::member(std::string_view controller) const {
  for (const Member& each : members_) {
    if (each.hierarchy->has(controller)) return &each;
  }
  return nullptr;
}

const V1Group::Member& V1Group::needed(const LimitWrite& write) {
  if (const Member* entered = member(write.controller)) return *entered;
  for (const Hierarchy& hierarchy : host_.v1) {
    if (!hierarchy.has(write.controller)) continue;
    if (!hierarchy.delegated)
      throwMissing(
          write.controller, write.option,
          "this user may make no groups in " + hierarchy.directory +
              "; as root, make him a directory there and move his shell into it (docs/rootless.md), or "
              "leave the option out");
    enterForLimit(hierarchy);
    return members_.back();
  }
  throwMissing(write.controller, write.option,
               "it is not mounted here; mount it (mount -t cgroup -o " + write.controller +
                   " cgroup /sys/fs/cgroup/" + write.controller + ") or leave the option out");
}

std::string V1Group::file(std::string_view controller, const char* name) const {
  const Member* entered = member(controller);
  return entered ? entered->directory + "/" + name : std::string();
}

std::string V1Group::freezer() const {
  if (members_.empty()) throwAbsent(path_);
  if (const Member* entered = member("freezer")) return entered->directory + "/freezer.state";
  throwMissing("freezer", "pause", "it is not mounted here; mount it, or stop the container instead");
}

int V1Group::joinSelf() noexcept {
  for (const Member& each : members_) {
    if (::write(each.tasks.get(), "0", 1) < 0) return errno;
  }
  return 0;
}

void V1Group::join(int pid) {
  for (const Member& each : members_) {
    const std::string procs = each.directory + "/cgroup.procs";
    if (const int error = writeFile(procs, std::to_string(pid)); error != 0)
      throw sys::SysError(error, "write", procs);
  }
}

void V1Group::freeze() {
  const std::string state = freezer();
  if (const int error = writeFile(state, "FROZEN"); error != 0) throw sys::SysError(error, "write", state);
  if (waitUntil(2s, [&] { return readFile(state).value_or("").starts_with("FROZEN"); })) return;
  writeFile(state, "THAWED");
  throw sys::Error("ERR_CGROUP_FAILED",
                   "not everything in " + state +
                       " could be frozen within 2 s: a process waits in the kernel without being "
                       "interruptible (state D in ps); try again when its input or output has ended");
}

void V1Group::thaw() {
  const std::string state = freezer();
  if (const int error = writeFile(state, "THAWED"); error != 0) throw sys::SysError(error, "write", state);
}

bool V1Group::frozen() const {
  return readFile(file("freezer", "freezer.state")).value_or("").starts_with("FROZEN");
}

std::vector<int> V1Group::processes() const {
  return members_.empty() ? std::vector<int>() : processesBelow(members_.front().directory);
}

/// Frozen first, so that nothing forks away between the listing and the signals (and no pid is reused: a
/// frozen process cannot exit); v1 delivers SIGKILL to a frozen process when it is thawed.
void V1Group::kill() {
  const std::string state = file("freezer", "freezer.state");
  const bool empty = waitUntil(10s, [&] {
    if (processes().empty()) return true;
    if (!state.empty()) writeFile(state, "FROZEN");
    for (const int pid : processes()) ::kill(pid, SIGKILL);
    if (!state.empty()) writeFile(state, "THAWED");
    return processes().empty();
  });
  if (!empty)
    throw sys::Error("ERR_CGROUP_FAILED", "processes of " + path_ +
                                              " did not die within 10 s of SIGKILL (state D in ps): " +
                                              "they wait for a device or a file system");
}

Stats V1Group::stats() const {
  Stats stats = v1Stats([&](const char* controller, const char* name) { return file(controller, name); });
  stats.oomKills = oomKills();
  return stats;
}

/// Of child groups too: what a container's own groups ran out of is the container's.
uint64_t V1Group::oomKills() const {
  uint64_t kills = 0;
  if (const Member* memory = member("memory")) {
    forEachGroup(memory->directory, [&](const std::string& group) {
      kills +=
          keyedNumber(readFile(group + "/memory.oom_control").value_or(""), "oom_kill");  // since Linux 4.13
    });
  }
  return kills;
}

// cgroup-v1/memory.rst, "OOM Control": an eventfd, registered with the group's own file.
sys::UniqueFd V1Group::watchOom() const {
  const Member* memory = member("memory");
  if (memory == nullptr) return {};
  const sys::UniqueFd control(
      ::open((memory->directory + "/memory.oom_control").c_str(), O_RDONLY | O_CLOEXEC));
  sys::UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::string line = std::to_string(event.get()) + " " + std::to_string(control.get());
  if (!control || !event || writeFile(memory->directory + "/cgroup.event_control", line) != 0) return {};
  return event;
}

void V1Group::remove() {
  const auto deadline = std::chrono::steady_clock::now() + 2s;
  int failure = 0;
  std::string failed;
  for (const Member& each : members_) {
    if (const int error = removeGroup(each.directory, deadline); error != 0)
      failure = error, failed = each.directory;
  }
  if (failure != 0) throw sys::SysError(failure, "rmdir", failed);
  members_.clear();
}

std::vector<Directory> V1Group::directories() const {
  std::vector<Directory> all;
  for (const Member& each : members_) all.push_back({each.hierarchy->name, each.directory});
  return all;
}

}  // namespace

std::unique_ptr<Cgroup> createV1(const Host& host, const std::string& path, const Resources& resources) {
  auto group = std::make_unique<V1Group>(host, path);
  group->create(resources);
  return group;
}

std::unique_ptr<Cgroup> openV1(const Host& host, const std::string& path) {
  auto group = std::make_unique<V1Group>(host, path);
  group->open();
  return group;
}

}  // namespace strake::cgroup
