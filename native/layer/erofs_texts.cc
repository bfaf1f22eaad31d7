#include "layer/erofs_texts.h"

#include <cstring>

#include "layer/error.h"

namespace strake::layer::erofs {

namespace {

constexpr unsigned chunkBits = 16;
constexpr uint32_t chunkSize = 1 << chunkBits;
constexpr size_t maxChunks = 1 << (32 - chunkBits);

}  // namespace

uint32_t Texts::add(std::string_view text) {
  const auto size = static_cast<uint16_t>(text.size());
  const uint32_t need = size + static_cast<uint32_t>(sizeof size);
  if (chunks_.empty() || used_ + need > chunkSize) {
    if (chunks_.size() == maxChunks) tooLarge("tar: the names in it take more than 4 GiB");
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunkSize));
    used_ = 0;
  }
  char* const place = chunks_.back().get() + used_;
  std::memcpy(place, &size, sizeof size);
  std::memcpy(place + sizeof size, text.data(), size);
  const auto id = static_cast<uint32_t>((chunks_.size() - 1) << chunkBits) | used_;
  used_ += need;
  return id;
}

uint64_t Texts::bytes() const {
  return uint64_t{chunks_.size()} << chunkBits;
}

std::string_view Texts::at(uint32_t id) const {
  const char* const place = chunks_[id >> chunkBits].get() + (id & (chunkSize - 1));
  uint16_t size = 0;
  std::memcpy(&size, place, sizeof size);
  return {place + sizeof size, size};
}

}  // namespace strake::layer::erofs
