#include "runtime/sysctls.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "sys/error.h"

namespace strake::runtime {
namespace {

struct Family {
  const char* prefix;
  NamespaceKind kind;
  const char* kindName;
  const char* file;  // below /proc/PID/ns
};

constexpr Family families[] = {{"net/", NamespaceKind::network, "network", "net"},
                               {"fs/mqueue/", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/msgmax", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/msgmnb", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/msgmni", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/sem", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/shmall", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/shmmax", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/shmmni", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/shm_rmid_forced", NamespaceKind::ipc, "ipc", "ipc"},
                               {"kernel/hostname", NamespaceKind::uts, "uts", "uts"},
                               {"kernel/domainname", NamespaceKind::uts, "uts", "uts"},
                               {"user/", NamespaceKind::user, "user", "user"}};

/// "net.ipv4.conf.eth0/1.forwarding" -> "net/ipv4/conf/eth0.1/forwarding": the first separator decides, as in
/// sysctl(8).
std::string toPath(const std::string& name) {
  std::string path = name;
  size_t first = name.find_first_of("./");
  if (first == std::string::npos || name[first] == '/') return path;
  for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return path;
}

const Family* familyOf(const std::string& path) {
  for (const Family& family : families) {
    std::string_view prefix = family.prefix;
    if (prefix.ends_with('/') ? path.starts_with(prefix) : path == prefix) return &family;
  }
  return nullptr;
}

/// Also false for a namespace that is joined by a path which leads to the caller's own.
bool hasOwn(const Spec& spec, const Family& family) {
  const Namespace* ns = spec.find(family.kind);
  if (!ns || ns->path.empty()) return ns != nullptr;
  std::string callers = std::string("/proc/self/ns/") + family.file;
  struct stat joined, own;
  return stat(ns->path.c_str(), &joined) < 0 || stat(callers.c_str(), &own) < 0 ||
         joined.st_dev != own.st_dev || joined.st_ino != own.st_ino;
}

void checkSysctl(const Spec& spec, const std::string& name) {
  std::string path = toPath(name);
  const Family* family = path.find("..") == std::string::npos ? familyOf(path) : nullptr;
  if (!family)
    throw sys::Error("ERR_SYSCTL_FAILED",
                     "sysctl " + name + " is not of a namespace: it would change the whole machine");
  if (!hasOwn(spec, *family))
    throw sys::Error("ERR_SYSCTL_FAILED", "sysctl " + name + " needs a " + family->kindName +
                                              " namespace of the container's own; it shares the host's");
}

}  // namespace

void checkSysctls(const Spec& spec) {
  for (const auto& [name, value] : spec.linux_.sysctl) checkSysctl(spec, name);
}

void writeSysctls(const Spec& spec, const Procfs& proc) {
  for (const auto& [name, value] : spec.linux_.sysctl)
    if (int error = proc.write("sys/" + toPath(name), value))
      throw sys::SysError(error, "write sysctl", name + "=" + value);
}

}  // namespace strake::runtime
