// Bytes of a file to a socket without passing through this process: sendfile(2).
#pragma once
#include <cstdint>

namespace strake::sys {

/// Sends `length` bytes of `file` from `offset` on to `socket`, which may be non-blocking, and waits where it
/// is full, at most `patience` milliseconds for each step. Returns how many bytes went: fewer when the other
/// side has gone, is silent for longer, or the file ends. Throws SysError for anything else. SIGPIPE must be
/// ignored (Node ignores it).
uint64_t sendFile(int socket, int file, uint64_t offset, uint64_t length, int patience);

}  // namespace strake::sys
