// A tar that is written, in memory.
#pragma once
#include <string>

#include "layer/byte_sink.h"

namespace strake::layer::test {

class StringSink final : public ByteSink {
 public:
  void write(std::span<const uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string text;
};

}  // namespace strake::layer::test
