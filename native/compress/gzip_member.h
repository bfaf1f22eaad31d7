// What both gzip decoders share: where one member ends and the next begins.
#pragma once
#include <string>

#include "compress/inflater.h"
#include "sys/error.h"

namespace strake::compress {

[[noreturn]] inline void corruptGzip(const std::string& what) {
  throw sys::Error("ERR_LAYER_CORRUPT", "gzip: " + what);
}

/// A decoder of one member, to be begun again for each. Derived classes decode; this class strings members
/// together.
class GzipInflater : public Inflater {
 public:
  Progress inflate(std::span<const uint8_t> input, std::span<uint8_t> output) final {
    Progress total{0, 0};
    for (;;) {
      const auto rest = input.subspan(total.consumed);
      if (!inMember_) {
        if (rest.empty()) return total;
        begin(rest);
      }
      const Progress step = decode(rest, output.subspan(total.produced));
      total.consumed += step.consumed;
      total.produced += step.produced;
      if (inMember_) return total;
    }
  }

  void finish() final {
    if (inMember_) corruptGzip("the data end in the middle of a member: it was cut short");
    if (!hadMember_) corruptGzip("there are no data");
  }

 protected:
  /// Decodes until input is used up, output is full or the member ends; then calls endMember().
  virtual Progress decode(std::span<const uint8_t> input, std::span<uint8_t> output) = 0;
  virtual void reset() = 0;
  void endMember() { inMember_ = false; }

 private:
  void begin(std::span<const uint8_t> input) {
    if (input.front() != 0x1f) {
      corruptGzip(hadMember_ ? "something that is no gzip member follows the last one"
                             : "this does not begin as gzip does (1f 8b)");
    }
    if (hadMember_) reset();
    inMember_ = hadMember_ = true;
  }

  bool inMember_ = false;
  bool hadMember_ = false;
};

}  // namespace strake::compress
