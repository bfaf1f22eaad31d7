// SHA-256 (FIPS 180-4) by the processor's own instructions where it has them: x86 SHA-NI, ARMv8 crypto
// extensions. Chosen once at run time; a portable form everywhere else. No dependency, so the static monitor
// can use it too.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace strake::hash {

using Sha256Digest = std::array<uint8_t, 32>;

/// A digest in the making. Not thread-safe; may be copied to fork it.
class Sha256 {
 public:
  Sha256() noexcept;
  void update(std::span<const uint8_t> data) noexcept;
  void update(std::string_view data) noexcept;
  /// The digest of all that was fed. The object must not be used afterwards.
  Sha256Digest finish() noexcept;

  /// What another process needs to go on: the state's eight words and the count of bytes, big-endian, then
  /// the bytes that fill no block yet.
  std::string save() const;
  /// Goes on from what save() gave; false when it cannot have been that, and then nothing is changed.
  bool load(std::span<const uint8_t> saved) noexcept;

 private:
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> pending_;
  uint64_t length_ = 0;
};

/// The digest of `data` in one go.
Sha256Digest sha256(std::string_view data) noexcept;

/// 64 lower-case hexadecimal digits.
std::string toHex(const Sha256Digest& digest);

/// "sha-ni", "armv8" or "portable".
const char* sha256Implementation() noexcept;

}  // namespace strake::hash
