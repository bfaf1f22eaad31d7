// A log file that nobody writes any more, as gzip.
#pragma once
#include <string>

namespace strake::monitor {

/// Makes path.gz (0640) of the file `path`, which goes when that is whole. Its header's comment is "inode N",
/// the number that `path` had. Some 10 ms for each megabyte. What fails (a full disk) leaves the file as it
/// was.
void compressLog(const std::string& path) noexcept;

}  // namespace strake::monitor
