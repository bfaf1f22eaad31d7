// The journal of events: DIRECTORY/journal and its predecessor DIRECTORY/journal.1, one JSON object a line,
// appended to by any process. Bounded: a journal that has reached its size becomes the predecessor, whose
// place it takes.
//
// A writer holds a shared flock(2) on the file for its one write(2) and looks that the file still has the
// name; whoever renames it holds the exclusive one. So a reader that sees another file under the name knows
// that nothing is ever added to the one that it has, and loses nothing.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace strake::events {

inline constexpr size_t journalSize = 4U << 20;  // bytes
/// Longer ones are refused: a journal full of one would be none.
inline constexpr size_t longestLine = 64 * 1024;  // bytes

/// Appends `{"time":now,` and `rest`, which is the rest of the object and a newline. Not synced: events
/// before a power loss may be lost. False: it could not be written (a full disk, no such directory), which is
/// never a reason to fail what the event tells of.
bool append(const std::string& directory, std::string_view rest, size_t maxSize = journalSize) noexcept;

}  // namespace strake::events
