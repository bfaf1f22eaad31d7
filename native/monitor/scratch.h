// The one buffer through which all bytes of a monitor pass: it is single-threaded, and nothing is left in it
// when a function returns to the event loop.
#pragma once
#include <array>
#include <span>

namespace strake::monitor {

inline constexpr size_t scratchSize = 64 * 1024;

/// Its pages are given back by releaseScratch().
std::span<char> scratch() noexcept;

/// Frees the memory behind the buffer (madvise) when there is nothing to do.
void releaseScratch() noexcept;

}  // namespace strake::monitor
