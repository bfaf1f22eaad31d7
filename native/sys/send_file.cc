#include "sys/send_file.h"

#include <poll.h>
#include <sys/sendfile.h>

#include <algorithm>
#include <cerrno>

#include "sys/error.h"

namespace strake::sys {

namespace {

/// Bytes of one call: small enough that a thread sees in time that nobody takes them.
constexpr uint64_t mostAtOnce = 8 << 20;

bool hasGone(int error) {
  return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

/// False: it stays full for too long, or has gone.
bool waitForRoom(int socket, int patience) {
  pollfd waiting{.fd = socket, .events = POLLOUT, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, patience);
  } while (ready < 0 && errno == EINTR);
  return check(ready, "poll") > 0 && (waiting.revents & (POLLERR | POLLNVAL)) == 0;
}

}  // namespace

uint64_t sendFile(int socket, int file, uint64_t offset, uint64_t length, int patience) {
  uint64_t sent = 0;
  auto position = static_cast<off_t>(offset);
  while (sent < length) {
    const ssize_t went = ::sendfile(socket, file, &position, std::min(length - sent, mostAtOnce));
    if (went > 0) {
      sent += static_cast<uint64_t>(went);
    } else if (went == 0) {
      break;
    } else if (errno == EAGAIN) {
      if (!waitForRoom(socket, patience)) break;
    } else if (hasGone(errno)) {
      break;
    } else if (errno != EINTR) {
      check(went, "sendfile");
    }
  }
  return sent;
}

}  // namespace strake::sys
