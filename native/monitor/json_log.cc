#include "monitor/json_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "monitor/compress_log.h"
#include "monitor/utf8.h"
#include "sys/error.h"
#include "sys/time.h"
#include "sys/whole_file.h"

namespace strake::monitor {

namespace {

constexpr size_t maxLine = 16 * 1024;
constexpr size_t flushAbove = 64 * 1024;

using sys::currentTime;

bool isPlain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' && byte != '>' &&
         byte != '&';
}

void appendEscapedAscii(std::string& out, unsigned char byte) {
  constexpr char hex[] = "0123456789abcdef";
  if (byte == '"' || byte == '\\') {
    out.append({'\\', static_cast<char>(byte)});
  } else if (byte == '\n') {
    out += "\\n";
  } else if (byte == '\r') {
    out += "\\r";
  } else {
    out.append({'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]});
  }
}

/// Appends the first character of `text`, which is not ASCII; returns how many bytes it takes.
size_t appendEscapedWide(std::string& out, std::string_view text) {
  const size_t length = utf8Length(text);
  if (length == 0) {
    out += "\\ufffd";
    return 1;
  }
  const std::string_view character = text.substr(0, length);
  if (character == "\xe2\x80\xa8") {
    out += "\\u2028";
  } else if (character == "\xe2\x80\xa9") {
    out += "\\u2029";
  } else {
    out += character;
  }
  return length;
}

}  // namespace

void appendEscaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && isPlain(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto byte = static_cast<unsigned char>(text[0]);
    if (byte < 0x80) appendEscapedAscii(out, byte);
    text.remove_prefix(byte < 0x80 ? 1 : appendEscapedWide(out, text));
  }
}

JsonLog::JsonLog(Options options) : options_(std::move(options)) {
  open(0);
}

void JsonLog::open(int extraFlags) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | extraFlags;
  file_.reset(sys::check(::open(options_.path.c_str(), flags, 0640), "open", options_.path));
  struct stat status {};
  sys::check(::fstat(file_.get(), &status), "fstat", options_.path);
  size_ = static_cast<uint64_t>(status.st_size);
}

void JsonLog::write(Stream stream, std::span<const char> bytes) {
  const std::string now = currentTime();
  std::string_view rest(bytes.data(), bytes.size());
  while (!rest.empty()) {
    const size_t newline = rest.find('\n');
    const bool isEnd = newline != std::string_view::npos;
    append(stream, rest.substr(0, newline), isEnd, now);
    rest.remove_prefix(isEnd ? newline + 1 : rest.size());
  }
  flush();
}

void JsonLog::append(Stream stream, std::string_view piece, bool isEnd, const std::string& now) {
  std::string& kept = lines_[static_cast<int>(stream)].text;
  while (kept.size() + piece.size() >= maxLine) {
    const size_t taken = maxLine - kept.size();
    kept.append(piece.substr(0, taken));
    piece.remove_prefix(taken);
    emit(stream, kept, false, now);
    kept.clear();
  }
  if (isEnd && kept.empty()) return emit(stream, piece, true, now);
  kept.append(piece);
  if (!isEnd) return;
  emit(stream, kept, true, now);
  kept.clear();
}

void JsonLog::emit(Stream stream, std::string_view text, bool isEnd, const std::string& now) {
  Line& line = lines_[static_cast<int>(stream)];
  if (!line.inPieces) line.time = now;
  line.inPieces = !isEnd;
  format(stream, text, isEnd, line.time);
  const bool isFull = options_.maxSize > 0 && size_ + buffer_.size() >= options_.maxSize;
  if (isFull || buffer_.size() >= flushAbove) flush();
}

void JsonLog::format(Stream stream, std::string_view text, bool isEnd, const std::string& time) {
  const char* name = stream == Stream::out ? "stdout" : "stderr";
  if (options_.format == Options::Format::local) {
    buffer_.append(time).append(" ").append(name).append(isEnd ? " F " : " P ").append(text).append("\n");
    return;
  }
  buffer_ += "{\"log\":\"";
  appendEscaped(buffer_, text);
  buffer_ += isEnd ? "\\n\",\"stream\":\"" : "\",\"stream\":\"";
  buffer_.append(name).append("\",\"time\":\"").append(time).append("\"}\n");
}

void JsonLog::finish() {
  const std::string now = currentTime();
  for (const Stream stream : {Stream::out, Stream::err}) {
    std::string& kept = lines_[static_cast<int>(stream)].text;
    if (!kept.empty()) emit(stream, kept, false, now);
    kept.clear();
  }
  flush();
}

void JsonLog::flush() {
  if (buffer_.empty()) return;
  try {
    if (options_.maxSize > 0 && size_ >= options_.maxSize) rotate();
    sys::writeAll(file_.get(), buffer_, options_.path);
  } catch (...) {
    buffer_.clear();
    dropPartialEntry();
    throw;
  }
  size_ += buffer_.size();
  buffer_.clear();
}

/// Takes back what a full disk left of the last write.
void JsonLog::dropPartialEntry() noexcept {
  struct stat status {};
  const auto size = static_cast<off_t>(size_);
  if (::fstat(file_.get(), &status) == 0 && status.st_size > size)
    static_cast<void>(::ftruncate(file_.get(), size) < 0);
}

void JsonLog::trim() {
  buffer_.shrink_to_fit();
}

void JsonLog::rotate() {
  const auto numbered = [this](unsigned number) { return options_.path + "." + std::to_string(number); };
  // The oldest, packed or not: what follows it may be the other, and would leave it for good.
  for (const char* suffix : {"", ".gz"}) ::unlink((numbered(options_.maxFile - 1) + suffix).c_str());
  for (unsigned i = options_.maxFile; i > 2; --i) {
    ::rename(numbered(i - 2).c_str(), numbered(i - 1).c_str());
    ::rename((numbered(i - 2) + ".gz").c_str(), (numbered(i - 1) + ".gz").c_str());
  }
  // Absent: removed by somebody, or a new one could not be made the last time.
  if (options_.maxFile > 1 && ::rename(options_.path.c_str(), numbered(1).c_str()) < 0 && errno != ENOENT)
    sys::throwErrno("rename", options_.path);
  open(options_.maxFile > 1 ? 0 : O_TRUNC);
  if (options_.compress && options_.maxFile > 1) compressLog(numbered(1));
}

}  // namespace strake::monitor
