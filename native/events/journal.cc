#include "events/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/time.h"
#include "sys/unique_fd.h"

namespace strake::events {

namespace {

constexpr int attempts = 100;  // of a writer whom every rotation overtakes

/// Exclusive it waits for writers, each of which takes microseconds.
bool lock(int fd, int operation) noexcept {
  while (::flock(fd, operation) < 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

bool hasName(int fd, const std::string& path) noexcept {
  struct stat own {
  }, named{};
  return ::fstat(fd, &own) == 0 && ::stat(path.c_str(), &named) == 0 && own.st_ino == named.st_ino &&
         own.st_dev == named.st_dev;
}

/// The journal, with a shared lock; empty: it cannot be opened.
sys::UniqueFd openForWriting(const std::string& path) noexcept {
  for (int attempt = 0; attempt < attempts; ++attempt) {
    sys::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd || !lock(fd.get(), LOCK_SH)) return {};
    if (hasName(fd.get(), path)) return fd;
  }
  return {};
}

void rotate(int fd, const std::string& path) noexcept {
  if (lock(fd, LOCK_EX) && hasName(fd, path)) ::rename(path.c_str(), (path + ".1").c_str());
}

}  // namespace

bool append(const std::string& directory, std::string_view rest, size_t maxSize) noexcept {
  if (rest.size() > longestLine) return false;
  const std::string path = directory + "/journal";
  const sys::UniqueFd fd = openForWriting(path);
  if (!fd) return false;
  const std::string line = "{\"time\":\"" + sys::currentTime() + "\"," + std::string(rest);
  const bool written = ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const off_t size = ::lseek(fd.get(), 0, SEEK_CUR);
  if (size >= static_cast<off_t>(maxSize)) rotate(fd.get(), path);
  return written;
}

}  // namespace strake::events
