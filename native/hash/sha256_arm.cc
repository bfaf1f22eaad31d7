#include "hash/sha256_blocks.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

namespace strake::hash {

namespace {

#define STRAKE_SHA [[gnu::target("+crypto")]]

struct State {
  uint32x4_t abcd;
  uint32x4_t efgh;
};

/// Four rounds with schedule words 4*group to 4*group+3 (Arm ARM, SHA256H and SHA256H2).
STRAKE_SHA inline void rounds(State& state, uint32x4_t words, int group) noexcept {
  const uint32x4_t sums = vaddq_u32(words, vld1q_u32(sha256Constants + 4 * group));
  const uint32x4_t abcd = state.abcd;
  state.abcd = vsha256hq_u32(abcd, state.efgh, sums);
  state.efgh = vsha256h2q_u32(state.efgh, abcd, sums);
}

STRAKE_SHA inline void block(State& state, const uint8_t* data) noexcept {
  uint32x4_t w[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data + 16 * i)));
  const State before = state;
#pragma GCC unroll 16
  for (int group = 0; group < 16; ++group) {
    rounds(state, w[group % 4], group);
    if (group < 12) {
      const uint32x4_t sum = vsha256su0q_u32(w[group % 4], w[(group + 1) % 4]);
      w[group % 4] = vsha256su1q_u32(sum, w[(group + 2) % 4], w[(group + 3) % 4]);
    }
  }
  state.abcd = vaddq_u32(state.abcd, before.abcd);
  state.efgh = vaddq_u32(state.efgh, before.efgh);
}

STRAKE_SHA void blocksArmv8(uint32_t words[8], const uint8_t* data, size_t blocks) noexcept {
  State state = {vld1q_u32(words), vld1q_u32(words + 4)};
  for (; blocks > 0; --blocks, data += 64) block(state, data);
  vst1q_u32(words, state.abcd);
  vst1q_u32(words + 4, state.efgh);
}

}  // namespace

Sha256Blocks sha256BlocksArm() noexcept {
  return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0 ? blocksArmv8 : nullptr;
}

}  // namespace strake::hash

#else

namespace strake::hash {
Sha256Blocks sha256BlocksArm() noexcept {
  return nullptr;
}
}  // namespace strake::hash

#endif
