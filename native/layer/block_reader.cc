#include "layer/block_reader.h"

#include <algorithm>

#include "layer/error.h"

namespace strake::layer {

namespace {

[[noreturn]] void cut() {
  corrupt("the tar ends in the middle of an entry: it was cut short");
}

}  // namespace

bool BlockReader::fill() {
  if (rest_.empty()) rest_ = source_.next();
  return !rest_.empty();
}

const Block* BlockReader::block() {
  if (!fill()) return nullptr;
  if (rest_.size() >= blockSize) {
    const auto* found = reinterpret_cast<const Block*>(rest_.data());
    rest_ = rest_.subspan(blockSize);
    position_ += blockSize;
    return found;
  }
  const std::string copied = text(blockSize);
  std::copy(copied.begin(), copied.end(), straddling_.begin());
  return &straddling_;
}

std::span<const uint8_t> BlockReader::some(uint64_t most) {
  if (!fill()) cut();
  const auto taken = rest_.first(std::min<uint64_t>(most, rest_.size()));
  rest_ = rest_.subspan(taken.size());
  position_ += taken.size();
  return taken;
}

std::string BlockReader::text(uint64_t size) {
  std::string result;
  result.reserve(size);
  while (result.size() < size) {
    const auto piece = some(size - result.size());
    result.append(piece.begin(), piece.end());
  }
  return result;
}

void BlockReader::skip(uint64_t size) {
  if (size > rest_.size()) {
    const uint64_t passed = source_.skip(size - rest_.size());
    // What is at hand stands before what was passed over.
    if (passed > 0) {
      size -= passed + rest_.size();
      position_ += passed + rest_.size();
      rest_ = {};
    }
  }
  while (size > 0) size -= some(size).size();
}

void BlockReader::drain() {
  rest_ = {};
  while (!source_.next().empty()) continue;
}

}  // namespace strake::layer
