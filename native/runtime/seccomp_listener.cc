#include "runtime/seccomp_listener.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::runtime {
namespace {

std::string processState(const HookState& state) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const std::string& metadata = state.spec.linux_.seccomp->listenerMetadata;
  std::string container = stateJson(state);
  json.StartObject();
  json.Key("ociVersion");
  json.String(state.spec.ociVersion.c_str());
  json.Key("fds");
  json.StartArray();
  json.String("seccompFd");
  json.EndArray();
  json.Key("pid");
  json.Int(state.pid);
  json.Key("metadata");
  json.String(metadata.c_str());
  json.Key("state");
  json.RawValue(container.data(), container.size(), rapidjson::kObjectType);
  json.EndObject();
  return buffer.GetString();
}

sys::UniqueFd connectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw sys::SysError(ENAMETOOLONG, "connect", path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  sys::UniqueFd socket(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket", path));
  sys::check(connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "connect", path);
  return socket;
}

void sendWithFd(int socket, std::string text, int fd) {
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  sys::check(sendmsg(socket, &header, MSG_NOSIGNAL), "sendmsg", "seccomp agent");
}

}  // namespace

void sendToAgent(int listener, const HookState& state) {
  const std::string& path = state.spec.linux_.seccomp->listenerPath;
  if (path.empty()) return;
  sendWithFd(connectTo(path).get(), processState(state), listener);
}

}  // namespace strake::runtime
