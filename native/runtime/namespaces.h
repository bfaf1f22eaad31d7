// The namespaces of a container: which are new, which are joined, and the child that is born into them.
#pragma once
#include <cstdint>

#include "runtime/spec.h"
#include "sys/unique_fd.h"

namespace strake::runtime {

/// CLONE_NEW* of a kind.
uint64_t cloneFlag(NamespaceKind kind);

/// The flags of the namespaces that are to be made, and of those in `spec` at all (for an exec, which joins
/// each).
uint64_t newNamespaces(const Spec& spec);
uint64_t ownNamespaces(const Spec& spec);

/// Throws ERR_SPEC_INVALID for what cannot be: no mount namespace, id maps without a user namespace, a
/// hostname without a uts namespace, sysctls of the host …
void checkNamespaces(const Spec& spec);

struct Child {
  pid_t pid = -1;  // 0 in the child itself
  sys::UniqueFd pidfd;
};

/// clone3(2) with `namespaces`, into the v2 cgroup that `cgroupFd` has open when it is >= 0. Returns twice,
/// as fork does. Precondition: single-threaded.
Child cloneChild(uint64_t namespaces, int cgroupFd);

/// Enters the namespace of that kind at `path`.
void joinNamespace(NamespaceKind kind, const std::string& path);

/// Joins every namespace of `spec` with a path but those that the caller was born into: user, pid and time.
void joinNamespaces(const Spec& spec);

/// While alive, children of the caller are born into another pid or time namespace; then into the caller's
/// own again.
class ChildrenIn {
 public:
  ChildrenIn() = default;
  ChildrenIn(ChildrenIn&&) = default;
  ~ChildrenIn();

  /// The namespace that `ns` has open (a namespace file, or a pidfd).
  void enter(int ns, uint64_t flag);
  /// A new time namespace with the spec's offsets.
  void enterNewTime(const Linux& spec);

 private:
  struct Saved {
    sys::UniqueFd ns;
    uint64_t flag;
  };
  void save(const char* path, uint64_t flag);
  std::vector<Saved> saved_;
};

/// While alive the caller, and any child born meanwhile until its exec, cannot be inspected by the processes
/// of a pid namespace that it enters (CVE-2016-9962, CVE-2019-5736): in /proc a process that is not dumpable
/// belongs to the host's root.
class Undumpable {
 public:
  Undumpable();
  ~Undumpable();
  Undumpable(const Undumpable&) = delete;
  Undumpable& operator=(const Undumpable&) = delete;

 private:
  int before_;
};

/// While alive the caller is in a new mount namespace from which nothing reaches the old one; then in the old
/// one again, with the same root and working directory. What is still attached in the new one then is
/// detached. Precondition: single-threaded, CAP_SYS_ADMIN and CAP_SYS_CHROOT.
class PrivateMounts {
 public:
  PrivateMounts();
  ~PrivateMounts();
  PrivateMounts(const PrivateMounts&) = delete;
  PrivateMounts& operator=(const PrivateMounts&) = delete;

 private:
  void goBack() noexcept;
  sys::UniqueFd before_, root_, cwd_;
};

/// The id outside that is 0 inside, by the child's "uid_map" or "gid_map". Throws ERR_SPEC_INVALID where 0 is
/// not mapped.
uint32_t outsideRoot(pid_t pid, const char* map);

/// Brings the loopback interface of the caller's network namespace up.
void bringLoopbackUp();

/// Makes a network namespace, its loopback up, for this process's next launch(): that takes longer than all
/// other namespaces together. Precondition: single-threaded. Where it may not be made the launch makes its
/// own.
void makeNetworkAhead() noexcept;

/// Whether that one is what `spec` asks for: a new one, of the same user namespace.
bool fitsNetworkAhead(const Spec& spec) noexcept;

void enterNetworkAhead();

/// The network namespace that the child `pid`, born of `spec`, is in or is about to enter: a new one.
sys::UniqueFd networkOf(const Spec& spec, pid_t pid);

/// Nobody needs it any more: it lives on in those who have entered it.
void dropNetworkAhead() noexcept;

}  // namespace strake::runtime
