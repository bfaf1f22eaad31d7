// A file that one thread appends to while another reads it from its start. What has been read is in the page
// cache as a rule, so the file is the queue between the two: without a bound in memory, and still there when
// the process is killed.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "sys/unique_fd.h"

namespace strake::layer {

class GrowingFile {
 public:
  /// Opens `path`, made 0600 when absent. Throws SysError.
  explicit GrowingFile(std::string path);
  /// `size` bytes from `offset` on of a file that is complete and is only read. Throws SysError.
  GrowingFile(std::string path, uint64_t offset, uint64_t size);

  /// What it held when it was opened, in bytes.
  uint64_t sizeAtOpen() const { return sizeAtOpen_; }
  const std::string& path() const { return path_; }

  /// Writer: throws SysError; what was written before the failure stays, and nothing may follow.
  void append(std::span<const uint8_t> bytes);
  /// Writer: no more is to come.
  void close();

  /// Reader: the bytes at `offset`, as many as there are and `buffer` takes; waits for the first. 0 at the
  /// end, or after stopReading(). Throws SysError, and Error ERR_BLOB_SIZE_MISMATCH when the file shrank.
  size_t read(std::span<uint8_t> buffer, uint64_t offset);
  /// Ends the reader's waiting. The writer may go on.
  void stopReading();

  /// Gives the descriptor back before the object goes.
  void release() { file_.reset(); }

 private:
  uint64_t awaitMore(uint64_t offset);

  std::string path_;
  sys::UniqueFd file_;
  /// Where it begins in its file.
  uint64_t base_ = 0;
  uint64_t sizeAtOpen_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t size_ = 0;
  bool closed_ = false;
  bool stopped_ = false;
};

}  // namespace strake::layer
