#include "monitor/scratch.h"

#include <sys/mman.h>

namespace strake::monitor {

namespace {
alignas(4096) std::array<char, scratchSize> buffer;
}

std::span<char> scratch() noexcept {
  return buffer;
}

void releaseScratch() noexcept {
  ::madvise(buffer.data(), buffer.size(), MADV_DONTNEED);
}

}  // namespace strake::monitor
