#include "cgroup/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::cgroup {
namespace {

using sys::UniqueFd;

/// Keeps the last file open: a device list is a dozen writes to the same two files.
class LimitWriter {
 public:
  explicit LimitWriter(const std::string& directory) : directory_(directory) {}

  /// Returns 0 or an errno.
  int write(const std::string& file, const std::string& value) {
    if (file != file_ || !fd_) {
      fd_.reset(::open((directory_ + "/" + file).c_str(), O_WRONLY | O_CLOEXEC));
      file_ = file;
      if (!fd_) return errno;
    }
    return ::write(fd_.get(), value.data(), value.size()) < 0 ? errno : 0;
  }

 private:
  const std::string& directory_;
  std::string file_;
  UniqueFd fd_;
};

int writeOne(LimitWriter& writer, const LimitWrite& write) {
  const int error = writer.write(write.file, write.value);
  if (error != ENOENT || write.otherFile.empty()) return error;
  return writer.write(write.otherFile, write.otherValue.empty() ? write.value : write.otherValue);
}

[[noreturn]] void throwRefused(const std::string& directory, const LimitWrite& write, int error) {
  const std::string path = directory + "/" + write.file;
  switch (error) {
    case ENOENT:
      throwMissing(write.controller, write.option,
                   "this kernel has no " + write.file +
                       "; leave the option out or boot a kernel that has it" +
                       (write.file.find("memsw") != std::string::npos ? " (swapaccount=1)" : ""));
    case EBUSY:
      throwInvalid(write.option, write.value, path + " is below what is in use and cannot be reclaimed");
    case EACCES:
    case EPERM:
    case EROFS:
      if (write.controller != "devices") throw sys::SysError(error, "write", path);
      [[fallthrough]];
    default:
      throwInvalid(write.option, write.value,
                   "the kernel refused it for " + path + ": " + std::strerror(error));
  }
}

}  // namespace

std::optional<std::string> readFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t size = ::read(fd.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    if (size == 0) return text;
    text.append(buffer, static_cast<size_t>(size));
  }
}

std::optional<uint64_t> readNumber(const std::string& path) {
  const auto text = readFile(path);
  uint64_t number = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc{})
    return std::nullopt;
  return number;
}

uint64_t keyedNumber(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      uint64_t number = 0;
      std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), number);
      return number;
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return 0;
}

int writeFile(const std::string& path, std::string_view value) noexcept {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return ::write(fd.get(), value.data(), value.size()) < 0 ? errno : 0;
}

void writeLimits(const std::string& directory, std::span<const LimitWrite> writes) {
  LimitWriter writer(directory);
  std::vector<const LimitWrite*> refused;
  for (const LimitWrite& write : writes) {
    const int error = writeOne(writer, write);
    if (error == EINVAL && writes.size() > 1) {
      refused.push_back(&write);
    } else if (error != 0) {
      throwRefused(directory, write, error);
    }
  }
  for (const LimitWrite* write : refused) {
    if (const int error = writeOne(writer, *write); error != 0) throwRefused(directory, *write, error);
  }
}

void throwMissing(std::string_view controller, std::string_view option, std::string_view remedy) {
  throw sys::Error("ERR_CGROUP_CONTROLLER_MISSING", "limit " + std::string(option) +
                                                        " needs the cgroup controller " +
                                                        std::string(controller) + ": " + std::string(remedy));
}

void throwAbsent(std::string_view path) {
  throw sys::Error("ERR_CGROUP_FAILED",
                   "cgroup " + std::string(path) +
                       " does not exist: its container is gone, or was started by a user who may make none");
}

void throwInvalid(std::string_view option, std::string_view value, std::string_view reason) {
  throw sys::Error("ERR_CGROUP_LIMIT_INVALID",
                   "limit " + std::string(option) + " = " + std::string(value) + ": " + std::string(reason));
}

}  // namespace strake::cgroup
