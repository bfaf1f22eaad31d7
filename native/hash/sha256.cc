#include "hash/sha256.h"

#include <algorithm>
#include <cstring>

#include "hash/sha256_blocks.h"

namespace strake::hash {

namespace {

constexpr size_t blockSize = 64;
constexpr std::array<uint32_t, 8> initialState = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

const Sha256Implementation& fastest() noexcept {
  static const Sha256Implementation chosen = sha256Implementations().front();
  return chosen;
}

void storeBigEndian(uint8_t* to, uint64_t value, size_t bytes) noexcept {
  for (size_t i = 0; i < bytes; ++i) to[i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
}

uint64_t loadBigEndian(const uint8_t* from, size_t bytes) noexcept {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | from[i];
  return value;
}

/// Of what save() gives: the state and the count.
constexpr size_t savedHead = 40;

}  // namespace

std::vector<Sha256Implementation> sha256Implementations() {
  std::vector<Sha256Implementation> found;
  if (const Sha256Blocks blocks = sha256BlocksX86()) found.push_back({"sha-ni", blocks});
  if (const Sha256Blocks blocks = sha256BlocksArm()) found.push_back({"armv8", blocks});
  found.push_back({"portable", sha256BlocksPortable});
  return found;
}

const char* sha256Implementation() noexcept {
  return fastest().name;
}

Sha256::Sha256() noexcept : state_(initialState) {}

void Sha256::update(std::span<const uint8_t> data) noexcept {
  const size_t held = length_ % blockSize;
  length_ += data.size();
  if (held > 0) {
    const size_t taken = std::min(data.size(), blockSize - held);
    std::copy_n(data.begin(), taken, pending_.begin() + held);
    data = data.subspan(taken);
    if (held + taken < blockSize) return;
    fastest().blocks(state_.data(), pending_.data(), 1);
  }
  const size_t blocks = data.size() / blockSize;
  if (blocks > 0) fastest().blocks(state_.data(), data.data(), blocks);
  const auto rest = data.subspan(blocks * blockSize);
  std::copy(rest.begin(), rest.end(), pending_.begin());
}

void Sha256::update(std::string_view data) noexcept {
  update({reinterpret_cast<const uint8_t*>(data.data()), data.size()});
}

Sha256Digest Sha256::finish() noexcept {
  uint8_t padding[2 * blockSize] = {0x80};
  const size_t held = length_ % blockSize;
  const size_t size = (held < 56 ? 56 : 120) - held;
  storeBigEndian(padding + size, length_ * 8, 8);
  update({padding, size + 8});
  Sha256Digest digest;
  for (size_t i = 0; i < state_.size(); ++i) storeBigEndian(digest.data() + 4 * i, state_[i], 4);
  return digest;
}

std::string Sha256::save() const {
  std::array<uint8_t, savedHead> head;
  for (size_t i = 0; i < state_.size(); ++i) storeBigEndian(head.data() + 4 * i, state_[i], 4);
  storeBigEndian(head.data() + 32, length_, 8);
  std::string saved(head.begin(), head.end());
  return saved.append(pending_.begin(), pending_.begin() + length_ % blockSize);
}

bool Sha256::load(std::span<const uint8_t> saved) noexcept {
  const uint8_t* bytes = saved.data();
  if (saved.size() < savedHead) return false;
  const uint64_t length = loadBigEndian(bytes + 32, 8);
  if (saved.size() != savedHead + length % blockSize) return false;
  for (size_t i = 0; i < state_.size(); ++i)
    state_[i] = static_cast<uint32_t>(loadBigEndian(bytes + 4 * i, 4));
  length_ = length;
  std::copy(saved.begin() + savedHead, saved.end(), pending_.begin());
  return true;
}

Sha256Digest sha256(std::string_view data) noexcept {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

std::string toHex(const Sha256Digest& digest) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const uint8_t byte : digest) text.append({digits[byte >> 4], digits[byte & 15]});
  return text;
}

}  // namespace strake::hash
