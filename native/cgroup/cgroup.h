// One contract for control groups; cgroup v1, hybrid and v2 are behind it.
//
// A cgroup is named by a path relative to the caller's delegated root ("strake/3f9c…"): on v1 a directory of
// that name in every hierarchy that is needed, on v2 one directory. The life of one:
//
//   auto group = Cgroup::create("strake/ID", resources);   // directories made, limits written
//   clone3(...)                                             // v2: with group->cloneFd() and
//   CLONE_INTO_CGROUP group->joinSelf();                                      // v1: called by the
//   single-threaded child itself group->freeze(); group->thaw(); group->stats(); group->kill(); // everything
//   inside, until nothing is left group->remove();                                        // and child groups
//   that the container made
//
// A limit whose controller is not mounted or not delegated throws sys::Error ERR_CGROUP_CONTROLLER_MISSING
// that names the controller, the option and the remedy. Moving another process by its pid costs 10 ms and
// more (a global rwsem waits for RCU), which is why joinSelf() exists.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sys/unique_fd.h"

namespace strake::cgroup {

/// One line of linux.resources.devices. -1 stands for "any".
struct DeviceRule {
  bool allow = false;
  char type = 'a';  // a, b or c
  int64_t major = -1;
  int64_t minor = -1;
  std::string access = "rwm";
};

struct BlkioDevice {
  int64_t major = 0;
  int64_t minor = 0;
  uint64_t rate = 0;  // weight, bytes per second, or operations per second
};

/// The OCI linux.resources, typed. Absent means "leave alone". Bytes, microseconds. -1 is unlimited.
struct Resources {
  std::vector<DeviceRule> devices;
  struct Memory {
    std::optional<int64_t> limit, reservation, swap, kernel, kernelTcp;  // swap = memory + swap, as in OCI
    std::optional<uint64_t> swappiness;
    std::optional<bool> disableOomKiller, checkBeforeUpdate;
  } memory;
  struct Cpu {
    std::optional<uint64_t> shares, period, burst, realtimePeriod;
    std::optional<int64_t> quota, realtimeRuntime, idle;
    std::string cpus, mems;
  } cpu;
  std::optional<int64_t> pidsLimit;
  struct Blkio {
    std::optional<uint16_t> weight, leafWeight;
    std::vector<BlkioDevice> weightDevice, readBps, writeBps, readIops, writeIops;
  } blkio;
  std::vector<std::pair<std::string, uint64_t>> hugepages;   // page size ("2MB") -> limit in bytes
  std::vector<std::pair<std::string, std::string>> unified;  // v2 file -> value
};

struct Stats {
  uint64_t cpuUsageNs = 0, cpuUserNs = 0, cpuSystemNs = 0, throttledPeriods = 0, periods = 0, throttledNs = 0;
  // Bytes. memoryCache is the inactive page cache, which `docker stats` subtracts; a v1 memoryLimit without a
  // limit is huge.
  uint64_t memoryUsage = 0, memoryLimit = 0, memoryMax = 0, memoryCache = 0, swapUsage = 0;
  uint64_t pids = 0, pidsLimit = 0;  // 0 = unlimited
  uint64_t readBytes = 0, writeBytes = 0, readOps = 0, writeOps = 0;
  uint64_t oomKills = 0;
};

enum class Layout { none, v1, hybrid, v2 };

/// What this host has, probed once from /proc/self/mountinfo and /proc/self/cgroup.
Layout layout();

/// Whether this process may make groups in any hierarchy, and with which controllers. Root may; an ordinary
/// user where a directory was given to him (cgroups(7), "Delegation").
bool delegated();
std::vector<std::string> delegatedControllers();

/// One hierarchy's directory, for the container's own /sys/fs/cgroup mount: v1 "memory" ->
/// "/sys/fs/cgroup/memory/strake/ID"; v2 "" -> "/sys/fs/cgroup/strake/ID".
struct Directory {
  std::string controllers;  // the name that the hierarchy has below /sys/fs/cgroup ("cpu,cpuacct"), "" on v2
  std::string path;
};

class Cgroup {
 public:
  /// Creates the directories and writes the limits. On an error nothing is left behind.
  static std::unique_ptr<Cgroup> create(const std::string& path, const Resources& resources);
  /// Opens what create() made, without touching it. Members that a hierarchy does not have are skipped.
  static std::unique_ptr<Cgroup> open(const std::string& path);
  virtual ~Cgroup() = default;

  virtual void update(const Resources& resources) = 0;
  /// v1: moves the calling single-threaded process by writing 0 to each hierarchy's tasks file; v2 without
  /// CLONE_INTO_CGROUP: writes cgroup.procs. Async-signal-safe: no allocation, descriptors opened beforehand.
  /// Returns 0 or an errno.
  virtual int joinSelf() noexcept = 0;
  /// v2: the directory's descriptor for CLONE_INTO_CGROUP; -1 elsewhere.
  virtual int cloneFd() const noexcept = 0;
  /// Moves another process in (exec into a running container from a multi-threaded caller; slow, see above).
  virtual void join(int pid) = 0;
  virtual void freeze() = 0;  // returns when everything is frozen
  virtual void thaw() = 0;
  virtual bool frozen() const = 0;
  virtual std::vector<int> processes() const = 0;  // pids, of child groups too
  virtual void kill() = 0;                         // SIGKILL to all, thawed, until empty
  virtual Stats stats() const = 0;
  virtual uint64_t oomKills() const = 0;
  /// A descriptor (O_NONBLOCK) that can be read whenever a process of the group is killed for want of memory,
  /// or on v1 is about to be; it is read to be quiet again. Empty without a memory controller.
  virtual sys::UniqueFd watchOom() const = 0;
  /// Removes the directories, child groups first; waits (bounded, 2 s) for dying processes. Absent is no
  /// error.
  virtual void remove() = 0;
  virtual std::vector<Directory> directories() const = 0;
};

}  // namespace strake::cgroup
