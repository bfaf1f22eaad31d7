#include "monitor/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

// Of the linker: where the program's first segment begins and its text ends. Nothing in between is ever
// written.
extern "C" const char __executable_start, etext;

namespace strake::monitor {

namespace {

constexpr uintptr_t pageSize = 4096;
alignas(pageSize) std::array<char, scratchSize> buffer;

#ifndef MADV_POPULATE_READ
constexpr int MADV_POPULATE_READ = 22;
#endif

void adviseText(int advice) noexcept {
  const auto begin = reinterpret_cast<uintptr_t>(&__executable_start);
  const auto end = reinterpret_cast<uintptr_t>(&etext) & ~(pageSize - 1);
  ::madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

std::span<char> scratch() noexcept {
  return buffer;
}

void prepareMemory() noexcept {
  adviseText(MADV_POPULATE_READ);
}

void releaseHeap() noexcept {
  ::malloc_trim(0);
  ::madvise(buffer.data(), buffer.size(), MADV_DONTNEED);
}

void releaseMemory() noexcept {
  releaseHeap();
  adviseText(MADV_DONTNEED);
}

}  // namespace strake::monitor
