// A tar on its way to whoever reads it, written to a file as it passes.
#pragma once
#include <cstdint>
#include <string>

#include "layer/byte_source.h"
#include "sys/unique_fd.h"

namespace strake::layer {

class VerbatimTar final : public ByteSource {
 public:
  /// Makes the file `path` (0600), which must be absent. Throws SysError.
  VerbatimTar(ByteSource& source, std::string path);

  /// Writes what it hands out, and has the kernel begin to bring it to the disk.
  std::span<const uint8_t> next() override;
  uint64_t size() const { return size_; }
  /// fdatasync(2): after it, all of it is on the disk.
  void sync();

 private:
  ByteSource& source_;
  std::string path_;
  sys::UniqueFd file_;
  uint64_t size_ = 0;
  uint64_t flushed_ = 0;
};

}  // namespace strake::layer
