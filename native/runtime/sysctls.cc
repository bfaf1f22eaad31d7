#include "runtime/sysctls.h"

#include <algorithm>
#include <optional>

#include "sys/error.h"

namespace strake::runtime {
namespace {

struct Family {
  const char* prefix;
  NamespaceKind kind;
  const char* kindName;
};

constexpr Family families[] = {
    {"net/", NamespaceKind::network, "network"},    {"fs/mqueue/", NamespaceKind::ipc, "ipc"},
    {"kernel/msgmax", NamespaceKind::ipc, "ipc"},   {"kernel/msgmnb", NamespaceKind::ipc, "ipc"},
    {"kernel/msgmni", NamespaceKind::ipc, "ipc"},   {"kernel/sem", NamespaceKind::ipc, "ipc"},
    {"kernel/shmall", NamespaceKind::ipc, "ipc"},   {"kernel/shmmax", NamespaceKind::ipc, "ipc"},
    {"kernel/shmmni", NamespaceKind::ipc, "ipc"},   {"kernel/shm_rmid_forced", NamespaceKind::ipc, "ipc"},
    {"kernel/hostname", NamespaceKind::uts, "uts"}, {"kernel/domainname", NamespaceKind::uts, "uts"},
    {"user/", NamespaceKind::user, "user"}};

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

void checkSysctl(const Spec& spec, const std::string& name) {
  std::string path = toPath(name);
  const Family* family = path.find("..") == std::string::npos ? familyOf(path) : nullptr;
  if (!family)
    throw sys::Error("ERR_SYSCTL_FAILED",
                     "sysctl " + name + " is not of a namespace: it would change the whole machine");
  if (!spec.find(family->kind))
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
