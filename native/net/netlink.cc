#include "net/netlink.h"

#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "net/netns.h"
#include "sys/error.h"

namespace strake::net {

namespace {

constexpr size_t bufferSize = 32 * 1024;  // NLMSG_GOODSIZE is at most 8 KiB, a dump's datagram 32 KiB
constexpr int dumpAttempts = 10;

void setOption(int socket, int option) {
  const int on = 1;
  sys::check(::setsockopt(socket, SOL_NETLINK, option, &on, sizeof on), "setsockopt", "netlink");
}

Message batchMark(uint16_t type) {
  Message message(type, 0);
  message.body(nfgenmsg{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htobe16(10)});
  return message;
}

}  // namespace

Netlink::Netlink(int protocol, int netns) : Netlink(socketIn(netns, AF_NETLINK, SOCK_RAW, protocol)) {}

Netlink::Netlink(sys::UniqueFd socket) : socket_(std::move(socket)), buffer_(bufferSize, '\0') {
  setOption(socket_.get(), NETLINK_EXT_ACK);
  setOption(socket_.get(), NETLINK_CAP_ACK);
  const sockaddr_nl address{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  sys::check(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind",
             "netlink");
}

void Netlink::send(std::string_view bytes, const char* call) {
  ssize_t sent = 0;
  while ((sent = ::send(socket_.get(), bytes.data(), bytes.size(), 0)) < 0 && errno == EINTR) continue;
  sys::check(sent, call, "netlink");
}

void Netlink::receive(const char* call,
                      const std::function<bool(const nlmsghdr&, std::string_view)>& handle) {
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    sys::check(size, call, "netlink");
    std::string_view rest(buffer_.data(), static_cast<size_t>(size));
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header{};
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) break;
      if (handle(header, rest.substr(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN))) return;
      rest.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
    }
  }
}

Netlink::Refusal Netlink::refusalOf(const nlmsghdr& header, std::string_view payload) {
  nlmsgerr body{};
  std::memcpy(&body, payload.data(), std::min(sizeof body, payload.size()));
  Refusal refusal{.error = -body.error, .sequence = header.nlmsg_seq, .words = {}};
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return refusal;
  const bool capped = (header.nlmsg_flags & NLM_F_CAPPED) != 0;
  const size_t request = capped ? 0 : NLMSG_ALIGN(body.msg.nlmsg_len) - sizeof(nlmsghdr);
  const size_t at = std::min(sizeof body + request, payload.size());
  const Attribute words = Attributes::find(payload.substr(at), NLMSGERR_ATTR_MSG);
  if (words.value.data() != nullptr) refusal.words = words.text();
  return refusal;
}

void Netlink::fail(const Refusal& refusal, const char* call, std::string object) {
  if (!refusal.words.empty()) object += " (" + refusal.words + ")";
  throw sys::SysError(refusal.error, call, object);
}

void Netlink::request(Message& message, const char* call) {
  requestAll({&message, 1}, call);
}

void Netlink::requestAll(std::span<Message> messages, const char* call) {
  if (messages.empty()) return;
  std::string bytes;
  const uint32_t first = sequence_ + 1;
  for (Message& message : messages) {
    message.addFlags(NLM_F_ACK);
    message.setSequence(++sequence_);
    bytes.resize(NLMSG_ALIGN(bytes.size()));
    bytes += message.bytes();
  }
  send(bytes, call);
  std::optional<Refusal> refusal;
  receive(call, [&](const nlmsghdr& header, std::string_view payload) {
    if (header.nlmsg_type != NLMSG_ERROR || header.nlmsg_seq < first) return false;
    const Refusal said = refusalOf(header, payload);
    if (said.error != 0 && !refusal) refusal = said;
    return header.nlmsg_seq == sequence_;
  });
  if (refusal) fail(*refusal, call, messages[refusal->sequence - first].object());
}

void Netlink::commit(std::span<Message> messages, const char* call) {
  if (messages.empty()) return;
  Message begin = batchMark(NFNL_MSG_BATCH_BEGIN), end = batchMark(NFNL_MSG_BATCH_END);
  begin.setSequence(++sequence_);
  const uint32_t first = sequence_ + 1;
  std::string bytes(begin.bytes());
  messages.back().addFlags(NLM_F_ACK);
  for (Message& message : messages) {
    message.setSequence(++sequence_);
    bytes.resize(NLMSG_ALIGN(bytes.size()));
    bytes += message.bytes();
  }
  const uint32_t last = sequence_;
  end.setSequence(++sequence_);
  bytes.resize(NLMSG_ALIGN(bytes.size()));
  bytes += end.bytes();
  const int size = static_cast<int>(2 * bytes.size());
  static_cast<void>(::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size));
  send(bytes, call);
  std::optional<Refusal> refusal;
  receive(call, [&](const nlmsghdr& header, std::string_view payload) {
    if (header.nlmsg_type != NLMSG_ERROR || header.nlmsg_seq + 1 < first) return false;
    const Refusal said = refusalOf(header, payload);
    if (said.error != 0 && !refusal) refusal = said;
    return header.nlmsg_seq == last || header.nlmsg_seq + 1 == first;
  });
  if (!refusal) return;
  const uint32_t at = refusal->sequence - first;
  fail(*refusal, call, at < messages.size() ? messages[at].object() : "transaction");
}

bool Netlink::get(Message& message, const char* call, const std::function<void(const Answer&)>& found) {
  message.setSequence(++sequence_);
  message.addFlags(NLM_F_ACK);
  send(message.bytes(), call);
  Refusal refusal;
  receive(call, [&](const nlmsghdr& header, std::string_view payload) {
    if (header.nlmsg_seq != sequence_) return false;
    if (header.nlmsg_type != NLMSG_ERROR) {
      found({header.nlmsg_type, payload});
      return false;
    }
    refusal = refusalOf(header, payload);
    return true;
  });
  if (refusal.error == ENOENT || refusal.error == ENODEV) return false;
  if (refusal.error != 0) fail(refusal, call, message.object());
  return true;
}

void Netlink::dump(Message& message, const char* call, const std::function<void(const Answer&)>& each) {
  message.addFlags(NLM_F_DUMP);
  for (int attempt = 0; attempt < dumpAttempts; ++attempt) {
    std::vector<std::pair<uint16_t, std::string>> answers;
    const bool isWhole = dumpOnce(
        message, call, [&](const Answer& answer) { answers.emplace_back(answer.type, answer.payload); });
    if (!isWhole) continue;
    for (const auto& [type, payload] : answers) each({type, payload});
    return;
  }
  throw sys::SysError(EBUSY, call, message.object());
}

bool Netlink::dumpOnce(Message& message, const char* call, const std::function<void(const Answer&)>& each) {
  message.setSequence(++sequence_);
  send(message.bytes(), call);
  bool isWhole = true;
  Refusal refusal;
  receive(call, [&](const nlmsghdr& header, std::string_view payload) {
    if (header.nlmsg_seq != sequence_) return false;
    if (header.nlmsg_flags & NLM_F_DUMP_INTR) isWhole = false;
    if (header.nlmsg_type == NLMSG_ERROR) refusal = refusalOf(header, payload);
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) return true;
    each({header.nlmsg_type, payload});
    return false;
  });
  if (refusal.error == ENOENT) return true;
  if (refusal.error != 0) fail(refusal, call, message.object());
  return isWhole;
}

}  // namespace strake::net
