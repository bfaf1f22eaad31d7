#include "net/sysctl.h"

#include <fcntl.h>

#include "net/netns.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::net {

namespace {

sys::UniqueFd openSetting(int netns, const std::string& path, int flags) {
  sys::UniqueFd file;
  int error = 0;
  inNetns(netns, [&] {
    file = sys::UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
    error = errno;
  });
  if (!file && error != ENOENT) throw sys::SysError(error, "open", path);
  return file;
}

}  // namespace

std::string readSetting(int netns, const std::string& name) {
  const std::string path = "/proc/sys/net/" + name;
  const sys::UniqueFd file = openSetting(netns, path, O_RDONLY);
  if (!file) return {};
  char text[256];
  const size_t size = sys::readFull(file.get(), text, path);
  std::string value(text, size);
  return value.substr(0, value.find('\n'));
}

bool writeSetting(int netns, const std::string& name, const std::string& value) {
  const std::string path = "/proc/sys/net/" + name;
  const sys::UniqueFd file = openSetting(netns, path, O_WRONLY);
  if (!file) return false;
  sys::writeAll(file.get(), value, path);
  return true;
}

}  // namespace strake::net
