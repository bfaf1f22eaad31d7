// An OCI bundle becomes a running process. This room knows the runtime spec and nothing of images, Docker or
// Node.
//
// launch() is called by a single-threaded process (the monitor, the OCI command): it clones the container's
// init with all of its namespaces, which sets itself up with raw system calls and executes the payload
// directly. No program of ours is ever executed inside a container.
//
//   order on the sync socket:  child: created -> parent: ids mapped, cgroup joined -> child: namespaces,
//   loopback up, root file system, mounts, devices, pivot -> (hooks) -> (parent: networked) -> child: ready
//   -> parent: go -> exec, or failed{step, errno, path}
//
// The parent is told of a successful exec by the close-on-exec end of the socket. Every failure arrives as
// LaunchError.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/cgroup.h"
#include "runtime/spec.h"  // Spec: the OCI config.json, typed; parseSpec(std::string) (RapidJSON)
#include "sys/layer_ref.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

/// How the root file system comes to be, inside the container's own mount namespace. Data from TypeScript's
/// Mount.
struct Rootfs {
  enum class Kind { directory, overlay };
  Kind kind = Kind::directory;
  std::string directory = {};  // kind directory: bound at the root ("read-only" is spec.root.readonly)
  bool idmap = false;          // kind directory: seen through the container's id mapping, as overlays are
  std::vector<sys::LayerRef> lower = {};  // kind overlay: top layer first, absolute paths
  std::string upper = {}, work = {};      // empty for a read-only view
  bool isVolatile = false;                // no sync: for containers that die with their process
  bool userXattrs = false;  // what overlayfs records is in user.overlay.*, as in a user namespace it must be
  std::vector<std::string> hidden =
      {};  // absolute paths inside the root that are covered (dir: empty tmpfs, file: null)
};

/// A user as `docker run -u` takes it, resolved in the container's own /etc/passwd and /etc/group after
/// pivot_root.
/// "" keeps spec.process.user. Error codes ERR_USER_NOT_FOUND, ERR_GROUP_NOT_FOUND.
struct UserByName {
  std::string user = {};                 // "name", "uid", "name:group", "uid:gid", …
  std::vector<std::string> groups = {};  // --group-add, names or numbers
};

struct Stdio {
  int in = -1, out = -1, err = -1;  // borrowed; ignored when spec.process.terminal
};

struct LaunchRequest {
  const Spec& spec;
  std::string bundle = {};  // relative root.path and hook state refer to it
  std::string id = {};
  Rootfs rootfs = {};
  std::map<std::string, Rootfs> images = {};  // the layers of spec.mounts of type "image", by destination
  UserByName user = {};
  Stdio stdio = {};
  /// Detached mounts (borrowed) that are what binds with these destinations show: of other mount namespaces.
  std::map<std::string, int> sharedTrees = {};
  cgroup::Cgroup* cgroup = nullptr;
  bool stopBeforeExec = false;  // OCI `create`, warm pools: returns at "ready"; Launched::go() executes
  /// With stopBeforeExec: go() says what is executed. The spec's own arguments are never looked at.
  bool processComesLater = false;
  /// With stopBeforeExec: a listening SOCK_SEQPACKET socket (borrowed, close-on-exec). The init waits there,
  /// not on Launched::sync, so that it outlives the caller; whoever connects holds the end that go() needs.
  int startSocket = -1;
  /// Called with the container's new network namespace (borrowed) as soon as that exists, while the init sets
  /// itself up; it executes nothing before this has returned. What it throws ends the launch.
  std::function<void(int netns)> connectNetwork = {};
  bool dieWithParent = false;  // PR_SET_PDEATHSIG(SIGKILL): the init dies with the calling thread
  bool trace = false;          // fill Launched::trace
  std::string init =
      {};  // an init binary on the host, shown read-only at initPath and put before the arguments
  std::vector<int> preservedFds = {};  // keep their numbers; everything else but 0, 1 and 2 is closed
  bool keepKeyring = false;            // the caller's session keyring instead of a new one
  /// Closed by the child before anything else: a lock of the caller's must not live as long as an init that
  /// waits to be started. -1 is none.
  int callersLock = -1;

  /// True when mounts have to be made with the host's privileges: a new user namespace, id-mapped mounts,
  /// file systems of disks, which the container's device rules would not let it open.
  bool needsHostTrees() const;
};

/// Where LaunchRequest::init is seen inside the container (Docker's name for it).
inline constexpr const char* initPath = "/sbin/docker-init";

/// A setting that this machine does not allow and that was left at what it allows (ERR_RLIMIT_FAILED, …).
struct Warning {
  std::string code, message;
};

/// One step of a start: its name, and when it ended (nanoseconds of CLOCK_MONOTONIC).
struct TraceStep {
  std::string step = {};
  int64_t at = 0;
};

/// A step that failed before the payload ran. `step` is stable ("mount", "pivot_root", "exec", "user", …).
class LaunchError : public std::runtime_error {
 public:
  LaunchError(std::string code, std::string step, int error, std::string path, std::string message);
  const std::string& code() const noexcept { return code_; }  // ERR_EXEC_NOT_FOUND, ERR_MOUNT_FAILED, …
  const std::string& step() const noexcept { return step_; }
  int error() const noexcept { return error_; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string code_, step_;
  int error_;
  std::string path_;
};

class Launched {
 public:
  pid_t pid = -1;
  sys::UniqueFd pidfd;
  sys::UniqueFd console;          // pty master when spec.process.terminal
  sys::UniqueFd sync;             // until the exec
  sys::UniqueFd seccompListener;  // the notification descriptor, when the profile has SCMP_ACT_NOTIFY
  std::vector<Warning> warnings = {};
  std::vector<TraceStep> trace = {};  // when asked for
  /// Called with the seccomp notification descriptor as soon as it comes: the exec itself may wait for the
  /// agent. launch() sets it, and with it a reference to the request's spec; go() calls it.
  std::function<void(int listener)> onListener = {};
  /// After stopBeforeExec: lets the payload run; returns when it has been executed, throws LaunchError.
  /// `process`, with processComesLater: the working directory, the number of arguments, the arguments and the
  /// environment, each ended by NUL.
  void go(std::string_view process = {});
};

/// Precondition: single-threaded caller. Postcondition: on return the payload runs (or waits,
/// stopBeforeExec); on a throw nothing is left: the child is reaped, nothing is mounted anywhere, the cgroup
/// is the caller's to remove.
Launched launch(const LaunchRequest& request);

struct ExecRequest {
  const Spec& spec;                  // the container's spec; its process is replaced by `process`
  Process process;                   // args, env, cwd, user, capabilities, terminal …
  std::string id = {}, bundle = {};  // the container's, for a seccomp agent
  pid_t init;                        // the container's init, its namespaces are joined
  int initPidfd = -1;
  UserByName user = {};
  Stdio stdio = {};
  cgroup::Cgroup* cgroup = nullptr;
  bool dieWithParent = false;
  bool trace = false;
  std::vector<int> preservedFds = {};
};

/// Another process in a running container: joins its namespaces and cgroup, with the same confinement.
Launched exec(const ExecRequest& request);

}  // namespace strake::runtime
