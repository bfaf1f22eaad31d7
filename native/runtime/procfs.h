// Writes below /proc that cannot be redirected. The descriptor is checked to be procfs, and look-ups below it
// follow no magic link and cross no mount: a tmpfs or a bind over /proc, or over one of its files, cannot
// swallow a write (CVE-2019-16884, CVE-2019-19921, CVE-2025-52881).
#pragma once
#include <string>

#include "sys/unique_fd.h"

namespace strake::runtime {

class Procfs {
 public:
  /// The caller's own /proc when that is procfs with nothing mounted over `needed`, else a detached one of
  /// the caller's pid namespace: inside somebody's container /proc/sys is a read-only mount over itself.
  explicit Procfs(const char* needed = "self");

  /// Opens "self/oom_score_adj", "sys/net/ipv4/ip_forward" … Empty with errno set on failure.
  sys::UniqueFd open(const std::string& path, int flags) const noexcept;

  /// Writes `value` in one write(2). Returns 0 or an errno.
  int write(const std::string& path, const std::string& value) const noexcept;

 private:
  sys::UniqueFd root_;
};

}  // namespace strake::runtime
