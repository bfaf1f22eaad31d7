#include "runtime/namespaces.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <fstream>

#include "sys/detached_mount.h"
#include "sys/error.h"

namespace strake::runtime {
namespace {

struct KindRow {
  NamespaceKind kind;
  uint64_t flag;
  const char* name;
};

// In the order of joining.
constexpr KindRow kinds[] = {
    {NamespaceKind::user, CLONE_NEWUSER, "user"}, {NamespaceKind::ipc, CLONE_NEWIPC, "ipc"},
    {NamespaceKind::uts, CLONE_NEWUTS, "uts"},    {NamespaceKind::network, CLONE_NEWNET, "network"},
    {NamespaceKind::pid, CLONE_NEWPID, "pid"},    {NamespaceKind::cgroup, CLONE_NEWCGROUP, "cgroup"},
    {NamespaceKind::time, CLONE_NEWTIME, "time"}, {NamespaceKind::mount, CLONE_NEWNS, "mount"},
};

const KindRow& rowOf(NamespaceKind kind) {
  for (const KindRow& row : kinds)
    if (row.kind == kind) return row;
  __builtin_unreachable();
}

int setns(int fd, uint64_t flag) {
  return static_cast<int>(syscall(SYS_setns, fd, flag));
}

sys::UniqueFd openNamespace(const std::string& path) {
  return sys::UniqueFd(sys::check(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY), "open", path));
}

sys::UniqueFd openDirectory(const char* path) {
  return sys::UniqueFd(sys::check(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

[[noreturn]] void refuse(const std::string& why) {
  throw sys::Error("ERR_SPEC_INVALID", why);
}

void writeFile(const std::string& path, const std::string& text) {
  sys::UniqueFd file(sys::check(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open", path));
  sys::check(write(file.get(), text.data(), text.size()), "write", path);
}

sys::UniqueFd networkAhead;

std::string offsetText(const char* clock, const std::optional<TimeOffset>& offset) {
  if (!offset) return {};
  return std::string(clock) + " " + std::to_string(offset->seconds) + " " +
         std::to_string(offset->nanoseconds) + "\n";
}

}  // namespace

uint64_t cloneFlag(NamespaceKind kind) {
  return rowOf(kind).flag;
}

uint64_t newNamespaces(const Spec& spec) {
  uint64_t flags = 0;
  for (const Namespace& ns : spec.linux_.namespaces)
    if (ns.path.empty()) flags |= cloneFlag(ns.kind);
  return flags;
}

uint64_t ownNamespaces(const Spec& spec) {
  uint64_t flags = 0;
  for (const Namespace& ns : spec.linux_.namespaces) flags |= cloneFlag(ns.kind);
  return flags;
}

void checkNamespaces(const Spec& spec) {
  const Namespace* user = spec.find(NamespaceKind::user);
  bool mapped = !spec.linux_.uidMappings.empty() || !spec.linux_.gidMappings.empty();
  if (!spec.find(NamespaceKind::mount)) refuse("linux.namespaces: a container needs a mount namespace");
  if (mapped && !user) refuse("linux.uidMappings: there is no user namespace that they could be of");
  if (user && user->path.empty() && (spec.linux_.uidMappings.empty() || spec.linux_.gidMappings.empty()))
    refuse("linux.uidMappings and gidMappings: a new user namespace needs both");
  if ((!spec.hostname.empty() || !spec.domainname.empty()) && !spec.find(NamespaceKind::uts))
    refuse("hostname: without a uts namespace it would be the host's");
  bool offsets = spec.linux_.monotonicOffset || spec.linux_.boottimeOffset;
  const Namespace* time = spec.find(NamespaceKind::time);
  if (offsets && (!time || !time->path.empty())) refuse("linux.timeOffsets: they need a new time namespace");
}

Child cloneChild(uint64_t namespaces, int cgroupFd) {
  clone_args arguments{};
  int pidfd = -1;
  arguments.flags = namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = namespaces & CLONE_PARENT ? 0 : SIGCHLD;  // a sibling takes over the caller's own
  if (cgroupFd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(cgroupFd);
  }
  long pid = sys::check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
  return {static_cast<pid_t>(pid), sys::UniqueFd(pid == 0 ? -1 : pidfd)};
}

void joinNamespace(NamespaceKind kind, const std::string& path) {
  sys::UniqueFd ns = openNamespace(path);
  // The flag makes the kernel check that it is a namespace of this kind.
  sys::check(setns(ns.get(), cloneFlag(kind)), std::string("join ") + rowOf(kind).name + " namespace", path);
}

void joinNamespaces(const Spec& spec) {
  for (const KindRow& row : kinds) {
    const Namespace* ns = spec.find(row.kind);
    constexpr uint64_t atBirth = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWTIME;
    if (ns && !ns->path.empty() && !(row.flag & atBirth)) joinNamespace(row.kind, ns->path);
  }
}

ChildrenIn::~ChildrenIn() {
  for (const Saved& saved : saved_) setns(saved.ns.get(), saved.flag);
}

void ChildrenIn::save(const char* path, uint64_t flag) {
  saved_.push_back({openNamespace(path), flag});
}

void ChildrenIn::enter(int ns, uint64_t flag) {
  save(flag == CLONE_NEWPID ? "/proc/self/ns/pid" : "/proc/self/ns/time", flag);
  sys::check(setns(ns, flag), "setns", flag == CLONE_NEWPID ? "pid namespace" : "time namespace");
}

void ChildrenIn::enterNewTime(const Linux& spec) {
  save("/proc/self/ns/time", CLONE_NEWTIME);
  sys::check(static_cast<int>(syscall(SYS_unshare, CLONE_NEWTIME)), "unshare", "time namespace");
  std::string offsets =
      offsetText("monotonic", spec.monotonicOffset) + offsetText("boottime", spec.boottimeOffset);
  if (!offsets.empty()) writeFile("/proc/self/timens_offsets", offsets);
}

Undumpable::Undumpable() : before_(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) {
  sys::check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl", "PR_SET_DUMPABLE");
}

Undumpable::~Undumpable() {
  prctl(PR_SET_DUMPABLE, before_, 0, 0, 0);
}

PrivateMounts::PrivateMounts()
    : before_(openNamespace("/proc/self/ns/mnt")), root_(openDirectory("/")), cwd_(openDirectory(".")) {
  sys::check(static_cast<int>(syscall(SYS_unshare, CLONE_NEWNS)), "unshare", "mount namespace");
  try {
    sys::changeMount(openDirectory("/").get(), 0, 0, MS_PRIVATE, true, "/");
  } catch (...) {
    goBack();
    throw;
  }
}

PrivateMounts::~PrivateMounts() {
  goBack();
}

// setns(2) leaves the caller at the top of the mount namespace. One that cannot go back must not go on.
void PrivateMounts::goBack() noexcept {
  if (setns(before_.get(), CLONE_NEWNS) < 0 || fchdir(root_.get()) < 0 || chroot(".") < 0 ||
      fchdir(cwd_.get()) < 0)
    std::terminate();
}

uint32_t outsideRoot(pid_t pid, const char* map) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + map);
  for (IdMap entry; file >> entry.containerId >> entry.hostId >> entry.size;)
    if (entry.containerId == 0) return entry.hostId;
  throw sys::Error("ERR_SPEC_INVALID", std::string(map) + ": 0, the container's root, is not mapped");
}

void bringLoopbackUp() {
  sys::UniqueFd socket(sys::check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket", "loopback"));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  sys::check(ioctl(socket.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS", "lo");
}

void makeNetworkAhead() noexcept {
  sys::UniqueFd own(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own || syscall(SYS_unshare, CLONE_NEWNET) < 0) return;
  try {
    bringLoopbackUp();
    networkAhead = openNamespace("/proc/self/ns/net");
  } catch (const std::exception&) {
  }
  if (setns(own.get(), CLONE_NEWNET) < 0) std::terminate();  // whoever cannot go back must not go on
}

bool fitsNetworkAhead(const Spec& spec) noexcept {
  const Namespace* network = spec.find(NamespaceKind::network);
  return networkAhead && network && network->path.empty() && !spec.find(NamespaceKind::user);
}

void enterNetworkAhead() {
  sys::check(setns(networkAhead.get(), CLONE_NEWNET), "setns", "network namespace");
}

sys::UniqueFd networkOf(const Spec& spec, pid_t pid) {
  if (fitsNetworkAhead(spec))
    return sys::UniqueFd(
        sys::check(fcntl(networkAhead.get(), F_DUPFD_CLOEXEC, 0), "dup", "network namespace"));
  return openNamespace("/proc/" + std::to_string(pid) + "/ns/net");
}

void dropNetworkAhead() noexcept {
  networkAhead.reset();
}

}  // namespace strake::runtime
