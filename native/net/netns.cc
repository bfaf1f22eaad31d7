#include "net/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <exception>

#include "sys/error.h"

namespace strake::net {

namespace {

class Visit {
 public:
  explicit Visit(int netns) : home_(openNetns("/proc/thread-self/ns/net")) {
    sys::check(::setns(netns, CLONE_NEWNET), "setns", "network namespace");
  }
  ~Visit() {
    if (::setns(home_.get(), CLONE_NEWNET) < 0) std::terminate();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  sys::UniqueFd home_;
};

}  // namespace

sys::UniqueFd openNetns(const std::string& path) {
  return sys::UniqueFd(sys::check(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY), "open", path));
}

bool isOwnNetns(int netns) {
  struct stat own {
  }, other{};
  sys::check(::stat("/proc/thread-self/ns/net", &own), "stat", "network namespace");
  sys::check(::fstat(netns, &other), "fstat", "network namespace");
  return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

void inNetns(int netns, const std::function<void()>& body) {
  if (netns < 0) return body();
  const Visit visit(netns);
  body();
}

sys::UniqueFd socketIn(int netns, int family, int type, int protocol) {
  sys::UniqueFd socket;
  inNetns(netns, [&] {
    socket = sys::UniqueFd(
        sys::check(::socket(family, type | SOCK_CLOEXEC, protocol), "socket", "network namespace"));
  });
  return socket;
}

}  // namespace strake::net
