#include "hash/sha256_blocks.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace strake::hash {

namespace {

#define STRAKE_SHA [[gnu::target("sha,sse4.1,ssse3")]]

/// The instructions want the state as two vectors, ABEF and CDGH (Intel SDM volume 2, SHA256RNDS2).
struct State {
  __m128i abef;
  __m128i cdgh;
};

STRAKE_SHA inline State loadState(const uint32_t state[8]) noexcept {
  const __m128i dcba = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state));
  const __m128i hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4));
  const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

STRAKE_SHA inline void storeState(uint32_t state[8], const State& from) noexcept {
  const __m128i feba = _mm_shuffle_epi32(from.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(from.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/// Four rounds with schedule words 4*group to 4*group+3.
STRAKE_SHA inline void rounds(State& state, __m128i words, int group) noexcept {
  const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(sha256Constants) + group);
  const __m128i sums = _mm_add_epi32(words, constants);
  state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sums);
  state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(sums, 0x0e));
}

/// The next four schedule words from the last sixteen (w0 the oldest four).
STRAKE_SHA inline __m128i nextWords(__m128i w0, __m128i w1, __m128i w2, __m128i w3) noexcept {
  const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  return _mm_sha256msg2_epu32(sum, w3);
}

STRAKE_SHA inline void block(State& state, const uint8_t* data) noexcept {
  const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i w[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data) + i), bigEndian);
  }
  const State before = state;
#pragma GCC unroll 16
  for (int group = 0; group < 16; ++group) {
    rounds(state, w[group % 4], group);
    if (group < 12) {
      w[group % 4] = nextWords(w[group % 4], w[(group + 1) % 4], w[(group + 2) % 4], w[(group + 3) % 4]);
    }
  }
  state.abef = _mm_add_epi32(state.abef, before.abef);
  state.cdgh = _mm_add_epi32(state.cdgh, before.cdgh);
}

STRAKE_SHA void blocksShaNi(uint32_t words[8], const uint8_t* data, size_t blocks) noexcept {
  State state = loadState(words);
  for (; blocks > 0; --blocks, data += 64) block(state, data);
  storeState(words, state);
}

bool hasShaNi() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned ssse3AndSse41 = 1u << 9 | 1u << 19;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & ssse3AndSse41) != ssse3AndSse41) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & 1u << 29) != 0;
}

}  // namespace

Sha256Blocks sha256BlocksX86() noexcept {
  return hasShaNi() ? blocksShaNi : nullptr;
}

}  // namespace strake::hash

#else

namespace strake::hash {
Sha256Blocks sha256BlocksX86() noexcept {
  return nullptr;
}
}  // namespace strake::hash

#endif
