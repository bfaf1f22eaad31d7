// The compression function in each of its forms. Only sha256.cc chooses among them; tests compare them all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace strake::hash {

/// Feeds `blocks` blocks of 64 bytes into `state`.
using Sha256Blocks = void (*)(uint32_t state[8], const uint8_t* data, size_t blocks) noexcept;

struct Sha256Implementation {
  const char* name;
  Sha256Blocks blocks;
};

/// FIPS 180-4, 4.2.2.
extern const uint32_t sha256Constants[64];

void sha256BlocksPortable(uint32_t state[8], const uint8_t* data, size_t blocks) noexcept;

/// Null where this processor, or the architecture built for, has no such instructions.
Sha256Blocks sha256BlocksX86() noexcept;
Sha256Blocks sha256BlocksArm() noexcept;

/// Those that run here, the fastest first.
std::vector<Sha256Implementation> sha256Implementations();

}  // namespace strake::hash
