#include "runtime/sync_socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "sys/error.h"
#include "sys/send_descriptor.h"

namespace strake::runtime {
namespace {

constexpr size_t packetSize = 16384;  // a failure's path and message are cut to fit
constexpr size_t longestField = 5000;

std::string encode(Message message, const std::vector<std::string>& fields) {
  std::string packet(1, static_cast<char>(message));
  for (const std::string& field : fields) {
    uint32_t size = static_cast<uint32_t>(std::min(field.size(), longestField));
    packet.append(reinterpret_cast<const char*>(&size), sizeof size).append(field, 0, size);
  }
  return packet;
}

std::vector<std::string> decodeFields(const char* data, size_t size) {
  std::vector<std::string> fields;
  for (uint32_t length; size >= sizeof length;) {
    std::memcpy(&length, data, sizeof length);
    data += sizeof length, size -= sizeof length;
    if (length > size) break;
    fields.emplace_back(data, length);
    data += length, size -= length;
  }
  return fields;
}

sys::UniqueFd receivedFd(msghdr& header) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int fd;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    return sys::UniqueFd(fd);
  }
  return {};
}

}  // namespace

std::pair<SyncSocket, SyncSocket> SyncSocket::pair() {
  int ends[2];
  sys::check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
  return {SyncSocket(sys::UniqueFd(ends[0])), SyncSocket(sys::UniqueFd(ends[1]))};
}

void SyncSocket::send(Message message, const std::vector<std::string>& fields, int fd) const {
  sys::sendDescriptor(fd_.get(), encode(message, fields), fd, "sync socket");
}

std::optional<Received> SyncSocket::receive() const {
  char packet[packetSize];
  iovec part{packet, sizeof packet};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n;
  // A peer that has ended without reading all is told of once, before what it has sent (unix(7),
  // net/unix/af_unix.c).
  while ((n = recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC)) < 0 && (errno == EINTR || errno == ECONNRESET))
    continue;
  if (n < 0) sys::throwErrno("recvmsg", "sync socket");
  if (n <= 0) return std::nullopt;
  return Received{static_cast<Message>(packet[0]), decodeFields(packet + 1, static_cast<size_t>(n) - 1),
                  receivedFd(header)};
}

Received SyncSocket::expect(Message expected) const {
  std::optional<Received> received = receive();
  if (!received || received->message != expected) throw sys::SysError(EPIPE, "recvmsg", "sync socket");
  return std::move(*received);
}

bool SyncSocket::hungUp() const noexcept {
  char byte;
  return recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace strake::runtime
