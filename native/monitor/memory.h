// A monitor is as small as it can be: there is one for every container.
#pragma once
#include <array>
#include <span>

namespace strake::monitor {

inline constexpr size_t scratchSize = 64 * 1024;

/// The one buffer through which all bytes pass: a monitor is single-threaded, and nothing is left in it when
/// a function returns to the event loop.
std::span<char> scratch() noexcept;

/// Before there is anything to do: maps the program's text at once, where it would come by one fault after
/// another (Linux 5.14; before, nothing happens).
void prepareMemory() noexcept;

/// Gives back freed memory and the buffer's pages.
void releaseHeap() noexcept;

/// When there is nothing to do: gives back freed memory, the buffer's pages, and the program's own text, of
/// which the kernel maps far more than was ever executed (it comes back from the page cache by faults).
void releaseMemory() noexcept;

}  // namespace strake::monitor
