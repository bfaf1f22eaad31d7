// However a zstd stream is cut into pieces, the result is the same.
#include "fuzz_inflater.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strake;
  if (size < 2) return 0;
  const std::span<const uint8_t> input(data + 2, size - 2);
  const auto pieces = fuzz::inflate(*compress::makeZstdInflater(), input, data[0] + 1, (data[1] + 1) * 16);
  const auto whole = fuzz::inflate(*compress::makeZstdInflater(), input, size, 1 << 16);
  if (pieces.ok != whole.ok || (pieces.ok && pieces.data != whole.data)) std::abort();
  return 0;
}
