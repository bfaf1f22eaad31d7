// A container as its state directory ROOT/ID tells: config.json (the bundle's, as it was at create),
// state.json, lock, and for one that create made start.lock and start.sock, on which its init waits to be
// started. Nothing runs on its behalf: the status is derived from the process itself, which holds start.lock
// until it executes the program.
#pragma once
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "cgroup/cgroup.h"
#include "runtime/spec.h"
#include "sys/lock.h"

namespace strake::oci_runtime {

/// What state.json holds.
struct Record {
  std::string id, bundle, rootfs, created;
  std::string cgroup;  // empty until it has been made (it may be another container's before), or without one
  bool begun = false;  // something may run, or have run, in its name
  pid_t pid = 0;
  std::string pidStart;  // field 22 of /proc/PID/stat: with it, a pid means one process for ever
};

class Container {
 public:
  /// Makes the state directory with a copy of the bundle's config.json. Throws when the id is in use.
  static Container make(const std::string& root, const std::string& id, const std::string& bundle);
  /// Throws ERR_CONTAINER_NOT_FOUND.
  static Container open(const std::string& root, const std::string& id);

  const Record& record() const { return record_; }
  Record& record() { return record_; }
  const std::string& directory() const { return directory_; }
  const runtime::Spec& spec() const;  // parsed at first use

  /// creating, created, running, paused or stopped.
  std::string status() const;
  bool alive() const;
  /// Until the Container is destroyed nobody else changes this one. Reads state.json anew: it may have
  /// changed while this waited. Throws ERR_CONTAINER_NOT_FOUND when the container has been deleted meanwhile.
  void lock();
  void unlock() { lock_.reset(); }
  /// The lock's descriptor, -1 without.
  int lockDescriptor() const { return lock_ ? lock_->descriptor() : -1; }
  /// Writes state.json atomically.
  void save() const;
  /// Null where an ordinary user could make none.
  std::unique_ptr<cgroup::Cgroup> group() const;
  /// Throws ERR_CGROUP_CONTROLLER_MISSING instead, saying what needs it.
  std::unique_ptr<cgroup::Cgroup> groupFor(const char* what) const;
  /// Of the cgroup, or without one the init alone.
  std::vector<int> processes() const;
  /// Removes the cgroup and the state directory.
  void remove();

 private:
  Container(const std::string& root, const std::string& id);
  void read();
  bool waitsForStart() const;

  std::string directory_;
  Record record_;
  mutable std::unique_ptr<runtime::Spec> spec_;
  std::unique_ptr<sys::FileLock> lock_;
};

/// Throws ERR_INVALID_ARGUMENT for an id that runc refuses, too.
void checkId(const std::string& id);
/// The ids below `root`.
std::vector<std::string> containersIn(const std::string& root);

}  // namespace strake::oci_runtime
