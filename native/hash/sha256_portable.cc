#include <bit>

#include "hash/sha256_blocks.h"

namespace strake::hash {

alignas(64) const uint32_t sha256Constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

namespace {

uint32_t loadBigEndian(const uint8_t* from) noexcept {
  return uint32_t{from[0]} << 24 | uint32_t{from[1]} << 16 | uint32_t{from[2]} << 8 | uint32_t{from[3]};
}

/// FIPS 180-4, 6.2.2 step 1.
void expand(uint32_t schedule[64], const uint8_t* block) noexcept {
  for (int t = 0; t < 16; ++t) schedule[t] = loadBigEndian(block + 4 * t);
  for (int t = 16; t < 64; ++t) {
    const uint32_t w2 = schedule[t - 2];
    const uint32_t w15 = schedule[t - 15];
    const uint32_t small1 = std::rotr(w2, 17) ^ std::rotr(w2, 19) ^ (w2 >> 10);
    const uint32_t small0 = std::rotr(w15, 7) ^ std::rotr(w15, 18) ^ (w15 >> 3);
    schedule[t] = small1 + schedule[t - 7] + small0 + schedule[t - 16];
  }
}

/// FIPS 180-4, 6.2.2 steps 2 to 4.
void compress(uint32_t state[8], const uint32_t schedule[64]) noexcept {
  uint32_t v[8];
  for (int i = 0; i < 8; ++i) v[i] = state[i];
  for (int t = 0; t < 64; ++t) {
    const uint32_t big1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
    const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    const uint32_t t1 = v[7] + big1 + choice + sha256Constants[t] + schedule[t];
    const uint32_t big0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
    const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1;
    v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + big0 + majority;
  }
  for (int i = 0; i < 8; ++i) state[i] += v[i];
}

}  // namespace

void sha256BlocksPortable(uint32_t state[8], const uint8_t* data, size_t blocks) noexcept {
  uint32_t schedule[64];
  for (; blocks > 0; --blocks, data += 64) {
    expand(schedule, data);
    compress(state, schedule);
  }
}

}  // namespace strake::hash
