// A descriptor as a tar's destination, written in large pieces.
#pragma once
#include <string>
#include <vector>

#include "layer/byte_sink.h"
#include "sys/unique_fd.h"

namespace strake::layer {

class FdSink final : public ByteSink {
 public:
  /// `name` is for errors.
  FdSink(sys::UniqueFd fd, std::string name);

  /// Throws SysError; EPIPE when nobody reads any more.
  void write(std::span<const uint8_t> bytes) override;
  /// Writes what is gathered, and closes.
  void finish();

 private:
  void flush();

  sys::UniqueFd fd_;
  std::string name_;
  std::vector<uint8_t> gathered_;
};

}  // namespace strake::layer
