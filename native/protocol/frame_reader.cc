#include "protocol/frame_reader.h"

#include <endian.h>

#include <algorithm>
#include <cstring>

namespace strake::protocol {

namespace {

bool isAcceptable(Frame type, uint32_t length) {
  if (type == Frame::stdinData || type == Frame::go) return length <= maxPayload;
  const bool isControl =
      type == Frame::stdinClose || type == Frame::resize || type == Frame::attach || type == Frame::reload;
  return isControl && length <= FrameReader::maxControl;
}

}  // namespace

std::array<char, headerSize> encodeHeader(Frame type, uint32_t length) noexcept {
  std::array<char, headerSize> header{};
  const uint32_t bigEndian = htobe32(length);
  header[0] = static_cast<char>(type);
  std::memcpy(header.data() + 4, &bigEndian, sizeof bigEndian);
  return header;
}

bool FrameReader::feed(std::span<const char> bytes, FrameHandler& handler) {
  while (!bytes.empty()) {
    if (headerFilled_ < headerSize && !feedHeader(bytes)) return false;
    if (headerFilled_ == headerSize) feedPayload(bytes, handler);
  }
  return true;
}

bool FrameReader::feedHeader(std::span<const char>& bytes) {
  const size_t taken = std::min<size_t>(headerSize - headerFilled_, bytes.size());
  std::memcpy(header_.data() + headerFilled_, bytes.data(), taken);
  headerFilled_ += static_cast<uint32_t>(taken);
  bytes = bytes.subspan(taken);
  if (headerFilled_ < headerSize) return true;

  uint32_t bigEndian = 0;
  std::memcpy(&bigEndian, header_.data() + 4, sizeof bigEndian);
  type_ = static_cast<Frame>(header_[0]);
  remaining_ = be32toh(bigEndian);
  return isAcceptable(type_, remaining_);
}

void FrameReader::feedPayload(std::span<const char>& bytes, FrameHandler& handler) {
  const auto piece = bytes.first(std::min<size_t>(remaining_, bytes.size()));
  bytes = bytes.subspan(piece.size());
  remaining_ -= static_cast<uint32_t>(piece.size());
  if (type_ == Frame::stdinData) {
    if (!piece.empty()) handler.onStdin(piece);
  } else {
    control_.append(piece.data(), piece.size());
  }
  if (remaining_ > 0) return;

  headerFilled_ = 0;
  if (type_ == Frame::stdinData) return;
  handler.onFrame(type_, control_);
  std::string().swap(control_);
}

}  // namespace strake::protocol
