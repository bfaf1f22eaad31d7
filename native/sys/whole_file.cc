#include "sys/whole_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/error.h"

namespace strake::sys {

namespace {

constexpr off_t largestDocument = 16 << 20;

std::string directoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Removes the name that it holds unless it was kept.
class TemporaryName {
 public:
  explicit TemporaryName(std::string name) : name_(std::move(name)) {}
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  ~TemporaryName() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  void keep() { name_.clear(); }

 private:
  std::string name_;
};

}  // namespace

void writeAll(int fd, std::string_view data, std::string_view path) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    data.remove_prefix(static_cast<size_t>(check(written, "write", path)));
  }
}

void pwriteAll(int fd, std::string_view data, off_t offset, std::string_view path) {
  while (!data.empty()) {
    const ssize_t written = ::pwrite(fd, data.data(), data.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    offset += check(written, "pwrite", path);
    data.remove_prefix(static_cast<size_t>(written));
  }
}

size_t readFull(int fd, std::span<char> buffer, std::string_view path) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (check(got, "read", path) == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

std::string readDocument(const std::string& path) {
  const UniqueFd fd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  struct stat status {};
  check(::fstat(fd.get(), &status), "fstat", path);
  if (status.st_size > largestDocument) throw SysError(EFBIG, "read", path);
  std::string text(static_cast<size_t>(status.st_size), '\0');
  text.resize(readFull(fd.get(), text, path));
  return text;
}

void writeFileAtomic(const std::string& path, std::string_view data, mode_t mode, bool durable) {
  std::string beside = path + ".XXXXXX";
  const UniqueFd fd(check(::mkostemp(beside.data(), O_CLOEXEC), "mkostemp", beside));
  TemporaryName temporary(beside);
  writeAll(fd.get(), data, beside);
  check(::fchmod(fd.get(), mode), "fchmod", beside);
  if (durable) check(::fsync(fd.get()), "fsync", beside);
  check(::rename(beside.c_str(), path.c_str()), "rename", path);
  temporary.keep();
  if (durable) syncDirectory(directoryOf(path));
}

void syncFileSystem(const std::string& path) {
  const UniqueFd fd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  check(::syncfs(fd.get()), "syncfs", path);
}

void syncDirectory(const std::string& path) {
  const UniqueFd fd(check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", path));
  check(::fsync(fd.get()), "fsync", path);
}

}  // namespace strake::sys
