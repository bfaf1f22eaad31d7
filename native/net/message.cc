#include "net/message.h"

#include <endian.h>

#include <algorithm>

namespace strake::net {

Message::Message(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = flags | NLM_F_REQUEST;
  header.nlmsg_len = sizeof header;
  data_.reserve(256);
  append(&header, sizeof header);
}

Message& Message::attribute(uint16_t type, std::span<const char> value) {
  const size_t at = open(type);
  append(value.data(), value.size());
  close(at);
  return *this;
}

Message& Message::text(uint16_t type, std::string_view value) {
  const std::string terminated(value);
  return attribute(type, {terminated.c_str(), terminated.size() + 1});
}

Message& Message::big16(uint16_t type, uint16_t value) {
  return number(type, htobe16(value));
}

Message& Message::big32(uint16_t type, uint32_t value) {
  return number(type, htobe32(value));
}

Message& Message::big64(uint16_t type, uint64_t value) {
  return number(type, htobe64(value));
}

nlmsghdr Message::header() const {
  nlmsghdr header{};
  std::memcpy(&header, data_.data(), sizeof header);
  return header;
}

void Message::setHeader(const nlmsghdr& header) {
  std::memcpy(data_.data(), &header, sizeof header);
}

void Message::setSequence(uint32_t sequence) {
  nlmsghdr changed = header();
  changed.nlmsg_seq = sequence;
  setHeader(changed);
}

uint32_t Message::sequence() const {
  return header().nlmsg_seq;
}

uint16_t Message::flags() const {
  return header().nlmsg_flags;
}

void Message::addFlags(uint16_t flags) {
  nlmsghdr changed = header();
  changed.nlmsg_flags |= flags;
  setHeader(changed);
}

void Message::append(const void* bytes, size_t size) {
  if (size > 0) data_.append(static_cast<const char*>(bytes), size);
  nlmsghdr grown = header();
  grown.nlmsg_len = static_cast<uint32_t>(data_.size());
  setHeader(grown);
}

void Message::pad() {
  data_.resize(NLMSG_ALIGN(data_.size()));
}

size_t Message::open(uint16_t type) {
  pad();
  const size_t at = data_.size();
  const nlattr attribute{.nla_len = NLA_HDRLEN, .nla_type = type};
  append(&attribute, sizeof attribute);
  return at;
}

void Message::close(size_t at) {
  const auto length = static_cast<uint16_t>(data_.size() - at);
  std::memcpy(data_.data() + at, &length, sizeof length);
}

bool Attributes::next(Attribute& attribute) {
  nlattr header{};
  if (bytes_.size() < sizeof header) return false;
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (header.nla_len < sizeof header || header.nla_len > bytes_.size()) return false;
  attribute.type = header.nla_type & NLA_TYPE_MASK;
  attribute.value = bytes_.substr(sizeof header, header.nla_len - sizeof header);
  bytes_.remove_prefix(std::min<size_t>(NLA_ALIGN(header.nla_len), bytes_.size()));
  return true;
}

Attribute Attributes::find(std::string_view bytes, uint16_t type) {
  Attributes attributes(bytes);
  for (Attribute attribute; attributes.next(attribute);)
    if (attribute.type == type) return attribute;
  return {};
}

}  // namespace strake::net
