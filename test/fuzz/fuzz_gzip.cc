// zlib and ISA-L must agree on what is gzip and on what it holds, however it is cut into pieces.
#include "fuzz_inflater.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strake;
  if (size < 2) return 0;
  const size_t piece = data[0] + 1;
  const size_t room = (data[1] + 1) * 16;
  const std::span<const uint8_t> input(data + 2, size - 2);
  const auto byZlib = fuzz::inflate(*compress::makeZlibInflater(), input, piece, room);
  const auto isal = compress::makeIsalInflater();
  if (!isal) return 0;
  const auto byIsal = fuzz::inflate(*isal, input, piece, room);
  if (byZlib.ok && byIsal.ok && byZlib.data != byIsal.data) std::abort();
  return 0;
}
