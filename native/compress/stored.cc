#include <algorithm>

#include "compress/compressor.h"
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

class StoredCompressor final : public Compressor {
 public:
  explicit StoredCompressor(Sink sink) : sink_(std::move(sink)) {}
  void write(std::span<const uint8_t> input) override { sink_(input); }
  void finish() override {}

 private:
  Sink sink_;
};

}  // namespace

std::unique_ptr<Inflater> makeStoredInflater() {
  return std::make_unique<StoredInflater>();
}

std::unique_ptr<Compressor> makeStoredCompressor(Compressor::Sink sink) {
  return std::make_unique<StoredCompressor>(std::move(sink));
}

}  // namespace strake::compress
