// Frames out of a byte stream that arrives in pieces of any size.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "protocol/frames.h"

namespace strake::protocol {

/// The eight bytes before a payload.
std::array<char, headerSize> encodeHeader(Frame type, uint32_t length) noexcept;

/// Who is told of what was read.
class FrameHandler {
 public:
  /// A piece of a stdin frame, as soon as it is there: stdin is a stream, its frames' borders mean nothing.
  virtual void onStdin(std::span<const char> bytes) = 0;
  /// Any other frame, whole.
  virtual void onFrame(Frame type, std::span<const char> payload) = 0;

 protected:
  ~FrameHandler() = default;
};

/// What a monitor reads from a client. Keeps at most `maxControl` bytes.
class FrameReader {
 public:
  /// No frame but stdin and go needs more.
  static constexpr uint32_t maxControl = 4096;

  /// Reads all of `bytes`. Returns false for bytes that are no frames of a client: hang up.
  bool feed(std::span<const char> bytes, FrameHandler& handler);

 private:
  bool feedHeader(std::span<const char>& bytes);
  void feedPayload(std::span<const char>& bytes, FrameHandler& handler);

  std::array<char, headerSize> header_{};
  uint32_t headerFilled_ = 0;
  Frame type_ = Frame::stdinData;
  uint32_t remaining_ = 0;
  std::string control_;
};

}  // namespace strake::protocol
