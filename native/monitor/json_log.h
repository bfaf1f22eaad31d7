// The container's output on disk, with docker's rotation, in docker's json-file format,
//
//   {"log":"a line\n","stream":"stdout","time":"2026-11-24T08:36:10.123456789Z"}
//
// or, with a third of that around each line and its bytes as they are, as Kubernetes' container runtimes
// write it (CRI, kubelet's "Log format"; the driver `local`), where P is a piece and F a whole line:
//
//   2026-11-24T08:36:10.123456789Z stdout F a line
//
// As docker writes it: one JSON object a line of output; a longer line than 16 KiB comes in pieces that lack
// the "\n" and share the time of the first; so does a last line that the program did not end; bytes that are
// no UTF-8 become U+FFFD; "<", ">", "&", U+2028 and U+2029 are escaped. Rotation: before a write that finds
// `maxSize` bytes or more, container.log becomes container.log.1, .1 becomes .2, and so on, until `maxFile`
// files exist in all. With `compress`, those but the current one are gzip files, container.log.1.gz, whose
// header names in its comment the inode of the file that it was: whoever was reading that goes on behind it.
#pragma once
#include <time.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace strake::monitor {

enum class Stream { out, err };

class JsonLog {
 public:
  struct Options {
    std::string path;
    uint64_t maxSize = 0;  // bytes; 0: no rotation
    unsigned maxFile = 1;
    enum class Format { json, local } format = Format::json;
    bool compress = false;
  };

  /// Appends to what is there. The file is created 0640. Throws SysError.
  explicit JsonLog(Options options);

  /// Logs the lines that `bytes` complete and keeps an unfinished one, at most 16 KiB for each stream. Throws
  /// SysError when it cannot be written (what could not be written is lost as a whole, the next call tries
  /// anew).
  void write(Stream stream, std::span<const char> bytes);
  /// The output has ended: unfinished lines are written as they are.
  void finish();
  /// Gives back memory that a burst needed.
  void trim();

 private:
  struct Line {
    std::string text;
    std::string time;  // of the first piece, while `inPieces`
    bool inPieces = false;
  };

  void append(Stream stream, std::string_view piece, bool isEnd, const std::string& now);
  void emit(Stream stream, std::string_view text, bool isEnd, const std::string& now);
  void format(Stream stream, std::string_view text, bool isEnd, const std::string& time);
  void flush();
  void dropPartialEntry() noexcept;
  void rotate();
  void open(int extraFlags);

  Options options_;
  sys::UniqueFd file_;
  uint64_t size_ = 0;
  Line lines_[2];
  std::string buffer_;  // entries not yet written; empty between calls
};

/// Appends `text` to `out` as docker writes a JSON string, without the quotation marks.
void appendEscaped(std::string& out, std::string_view text);

}  // namespace strake::monitor
