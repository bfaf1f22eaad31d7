#include "layer/xattrs.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <vector>

#include "sys/error.h"

namespace strake::layer {

namespace {

/// /proc's name of an open descriptor: the calls that take a path thus work on descriptors, O_PATH ones too.
std::string nameOf(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

bool mayBeLeftOut(const std::string& name, int error) {
  if (name.starts_with("security.capability")) return false;
  const bool isHosts = name.starts_with("trusted.") || name.starts_with("security.");
  return error == EOPNOTSUPP ||
         (error == EPERM && (name.starts_with("user.") || (isHosts && ::geteuid() == 0)));
}

template <typename Set>
void setEach(const Xattrs& xattrs, const std::string& path, Set set) {
  for (const auto& [name, value] : xattrs) {
    if (belongsToOverlay(name)) continue;
    if (set(name.c_str(), value) < 0 && !mayBeLeftOut(name, errno)) sys::throwErrno("setxattr " + name, path);
  }
}

/// The xattr calls answer how much room they need, which may have grown by the next call (ERANGE).
template <typename Read>
std::string readGrowing(const std::string& path, const char* call, Read read) {
  for (;;) {
    std::string buffer(static_cast<size_t>(sys::check(read(nullptr, 0), call, path)), '\0');
    const ssize_t size = read(buffer.data(), buffer.size());
    if (size < 0 && errno == ERANGE) continue;
    buffer.resize(static_cast<size_t>(sys::check(size, call, path)));
    return buffer;
  }
}

}  // namespace

bool belongsToOverlay(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

void setXattrs(int fd, const Xattrs& xattrs, const std::string& path) {
  setEach(xattrs, path, [fd](const char* name, const std::string& value) {
    return ::fsetxattr(fd, name, value.data(), value.size(), 0);
  });
}

void setXattrsAt(int parent, const std::string& name, const Xattrs& xattrs, const std::string& path) {
  if (xattrs.empty()) return;
  const std::string file = name.empty() ? nameOf(parent) + "/." : nameOf(parent) + "/" + name;
  setEach(xattrs, path, [&file](const char* xattr, const std::string& value) {
    return ::lsetxattr(file.c_str(), xattr, value.data(), value.size(), 0);
  });
}

Xattrs readXattrs(int fd, const std::string& path) {
  const std::string file = nameOf(fd);
  const std::string names = readGrowing(
      path, "listxattr", [&](char* to, size_t size) { return ::listxattr(file.c_str(), to, size); });
  Xattrs xattrs;
  for (size_t at = 0; at < names.size(); at += xattrs.back().first.size() + 1) {
    const std::string name(names.c_str() + at);
    xattrs.emplace_back(name, readGrowing(path, "getxattr", [&](char* to, size_t size) {
                          return ::getxattr(file.c_str(), name.c_str(), to, size);
                        }));
  }
  std::erase_if(xattrs, [](const auto& xattr) { return belongsToOverlay(xattr.first); });
  return xattrs;
}

}  // namespace strake::layer
