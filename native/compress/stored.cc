#include <algorithm>

#include "compress/inflater.h"

namespace strake::compress {

namespace {

class StoredInflater final : public Inflater {
 public:
  Progress inflate(std::span<const uint8_t> input, std::span<uint8_t> output) override {
    const size_t size = std::min(input.size(), output.size());
    std::copy_n(input.begin(), size, output.begin());
    return {size, size};
  }
  void finish() override {}
};

}  // namespace

std::unique_ptr<Inflater> makeStoredInflater() {
  return std::make_unique<StoredInflater>();
}

}  // namespace strake::compress
