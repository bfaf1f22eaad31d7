#include "monitor/compress_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>

#include "sys/error.h"
#include "sys/unique_fd.h"
#include "sys/whole_file.h"

namespace strake::monitor {

namespace {

constexpr int level = 1;             // the container waits meanwhile
constexpr int gzipWindow = 15 + 16;  // zlib.h, deflateInit2: 16 more is a gzip header
constexpr int memoryLevel = 8;

class Deflater {
 public:
  explicit Deflater(std::string comment) : comment_(std::move(comment)) {
    if (deflateInit2(&stream_, level, Z_DEFLATED, gzipWindow, memoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
      throw sys::SysError(ENOMEM, "deflateInit2", "log");
    header_.comment = reinterpret_cast<Bytef*>(comment_.data());
    header_.os = 3;  // Unix
    deflateSetHeader(&stream_, &header_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { deflateEnd(&stream_); }

  /// Writes what comes of `input`; of no input, the rest.
  void write(std::string_view input, int output, const std::string& name) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      deflate(&stream_, input.empty() ? Z_FINISH : Z_NO_FLUSH);
      sys::writeAll(output, std::string_view(buffer_.data(), buffer_.size() - stream_.avail_out), name);
    } while (stream_.avail_out == 0);
  }

 private:
  std::string comment_;
  z_stream stream_{};
  gz_header header_{};
  std::array<char, 64 * 1024> buffer_{};
};

void compressInto(const std::string& path, const std::string& target) {
  const sys::UniqueFd input(
      sys::check(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), "open", path));
  struct stat status {};
  sys::check(::fstat(input.get(), &status), "fstat", path);
  const sys::UniqueFd output(sys::check(
      ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640), "open", target));
  Deflater deflater("inode " + std::to_string(status.st_ino));
  std::array<char, 64 * 1024> buffer{};
  ssize_t got = 0;
  while ((got = sys::check(::read(input.get(), buffer.data(), buffer.size()), "read", path)) > 0)
    deflater.write({buffer.data(), static_cast<size_t>(got)}, output.get(), target);
  deflater.write({}, output.get(), target);
}

}  // namespace

void compressLog(const std::string& path) noexcept {
  const std::string target = path + ".gz", part = target + ".part";
  try {
    compressInto(path, part);
    sys::check(::rename(part.c_str(), target.c_str()), "rename", target);
    ::unlink(path.c_str());
  } catch (const std::exception&) {
    ::unlink(part.c_str());
  }
}

}  // namespace strake::monitor
