// The OCI runtime configuration (config.json, runtime-spec 1.2), typed. parseSpec() is the only place that
// reads JSON: everything behind it works with values that were checked once: known namespace kinds, known
// rlimits, numbers in range, absolute destinations. What Linux cannot express is refused
// there, by the name of the field.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cgroup/cgroup.h"
#include "seccomp/seccomp.h"
#include "sys/id_map.h"

namespace strake::runtime {

using sys::IdMap;

struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::optional<uint32_t> umask;
  std::vector<uint32_t> additionalGids;
};

struct Rlimit {
  int resource = 0;  // RLIMIT_*
  std::string name;  // "RLIMIT_NOFILE"
  uint64_t soft = 0, hard = 0;
};

/// The five sets as bit masks (bit n is capability n of linux/capability.h).
struct Capabilities {
  uint64_t bounding = 0, effective = 0, inheritable = 0, permitted = 0, ambient = 0;
  std::vector<std::string> unknown = {};  // names that are none of Linux's: told as warnings (config.md)
};

struct ConsoleSize {
  uint16_t rows = 0, columns = 0;
};

/// For sched_setattr(2); times in nanoseconds.
struct Scheduler {
  uint32_t policy = 0;  // SCHED_*
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;
};

struct Process {
  bool terminal = false;
  ConsoleSize consoleSize;
  User user;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd = "/";
  Capabilities capabilities;  // absent in the JSON: all empty, as runc does
  std::vector<Rlimit> rlimits;
  bool noNewPrivileges = false;
  std::string apparmorProfile, selinuxLabel;
  std::optional<int> oomScoreAdj;
  std::optional<Scheduler> scheduler;
  std::optional<int> ioPriority;                     // as ioprio_set(2) takes it: class << 13 | data
  std::string cpuAffinityInitial, cpuAffinityFinal;  // execCPUAffinity: "0-3,7", for exec() only
};

struct IdmappedOptions {
  std::vector<IdMap> uids, gids;
};

struct Mount {
  std::string destination;  // absolute, inside the root
  std::string type;         // "" is "bind" when the options say so
  std::string source;       // for binds: a host path, relative to the bundle
  std::vector<std::string> options;
  IdmappedOptions idmap;  // uidMappings, gidMappings
};

struct Device {
  std::string path;  // absolute, inside the root
  char type = 'c';   // c, b, u or p
  int64_t major = 0, minor = 0;
  uint32_t mode = 0666;
  uint32_t uid = 0, gid = 0;
};

enum class NamespaceKind { mount, pid, uts, ipc, network, cgroup, user, time };

/// A new namespace, or (with a path) one that is joined.
struct Namespace {
  NamespaceKind kind = NamespaceKind::mount;
  std::string path;
};

struct Hook {
  std::string path;
  std::vector<std::string> args, env;
  std::optional<int> timeoutSeconds;
};

struct Hooks {
  std::vector<Hook> prestart, createRuntime, createContainer, startContainer, poststart, poststop;
};

struct TimeOffset {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
};

struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<IdMap> uidMappings, gidMappings;
  std::vector<Device> devices;
  std::string cgroupsPath;
  cgroup::Resources resources;
  std::string rootfsPropagation;  // "", shared, slave, private, unbindable
  std::optional<seccomp::Profile> seccomp;
  std::vector<std::pair<std::string, std::string>> sysctl;
  std::vector<std::string> maskedPaths, readonlyPaths;
  std::optional<unsigned> personality;  // PER_LINUX or PER_LINUX32
  std::optional<TimeOffset> monotonicOffset, boottimeOffset;
};

struct Spec {
  std::string ociVersion;
  struct Root {
    std::string path;  // relative to the bundle, or absolute; "" where none is given
    bool readonly = false;
  } root;
  std::string hostname, domainname;
  std::vector<Mount> mounts;
  Process process;
  Hooks hooks;
  std::vector<std::pair<std::string, std::string>> annotations;
  Linux linux_;  // `linux` is a macro of GNU dialects

  /// The namespace of that kind, or null where the container shares the caller's.
  const Namespace* find(NamespaceKind kind) const;
};

/// Parses config.json. Throws sys::Error ERR_SPEC_INVALID naming the field ("linux.namespaces[2].type: …").
Spec parseSpec(std::string_view json);

/// Parses an OCI `linux.resources` object alone (`update --resources`). Same errors.
cgroup::Resources parseResources(std::string_view json);

/// Parses an OCI `process` object alone (exec.json, `exec --process`). Same errors.
Process parseProcess(std::string_view json);

}  // namespace strake::runtime
