// Whole files: written all or not at all, and made power-loss-safe.
#pragma once
#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace strake::sys {

/// Writes every byte at the file's position, however many calls that takes. Throws SysError naming `path`.
void writeAll(int fd, std::string_view data, std::string_view path);

/// The same at `offset`.
void pwriteAll(int fd, std::string_view data, off_t offset, std::string_view path);

/// Reads until `buffer` is full or the file ends; returns how many bytes.
size_t readFull(int fd, std::span<char> buffer, std::string_view path);

/// The whole of a document (a configuration, a state). Throws SysError, also EFBIG above 16 MiB.
std::string readDocument(const std::string& path);

/// A new name beside `path` is written and renamed over it: a reader sees the old contents or the new, never
/// a mixture. `durable`: after return the new contents survive power loss (fsync of the file, then of its
/// directory). On failure the old contents stand and nothing is left beside them.
void writeFileAtomic(const std::string& path, std::string_view data, mode_t mode, bool durable);

/// syncfs(2) of the file system that holds `path`. Reports a writeback error since the last sync
/// (kernel 5.8).
void syncFileSystem(const std::string& path);

/// fsync of a directory, so that the names in it survive power loss.
void syncDirectory(const std::string& path);

}  // namespace strake::sys
