#include "sys/send_descriptor.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "sys/error.h"

namespace strake::sys {

UniqueFd connectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw SysError(ENAMETOOLONG, "connect", path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  struct stat info;
  check(::stat(path.c_str(), &info), "stat", path);
  // connect(2) says ECONNREFUSED of a regular file as well.
  if (!S_ISSOCK(info.st_mode)) throw SysError(ENOTSOCK, "connect", path);
  UniqueFd socket(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket", path));
  check(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "connect", path);
  return socket;
}

void sendDescriptor(int socket, std::string_view text, int fd, const std::string& name) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  check(::sendmsg(socket, &header, MSG_NOSIGNAL), "sendmsg", name);
}

}  // namespace strake::sys
