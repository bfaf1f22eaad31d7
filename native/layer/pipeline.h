// From a compressed layer's bytes, as they arrive, to the layer's files. Three threads, so that two cores
// stay busy:
//
//   intake   keeps the bytes in the partial file, sha256 of the blob       <= 4 MiB queued
//   inflate  gzip or zstd, sha256 of the tar (diffId)                      <= 2 MiB queued
//   apply    tar -> files                                                  3 MiB of buffers
//
// What the partial file holds already goes through first. The file is only ever appended to, so whatever
// instant the process dies at, it holds a prefix of the blob (as far as its digest says so in the end: see
// finish()).
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "compress/inflater.h"
#include "hash/sha256.h"
#include "layer/apply.h"
#include "layer/buffer_ring.h"
#include "layer/byte_queue.h"
#include "sys/unique_fd.h"

namespace strake::layer {

struct PipelineOptions {
  std::string partial;
  /// Of the compressed blob.
  uint64_t size = 0;
  /// "sha256:<hex>", of the compressed blob and of the tar.
  std::string digest;
  std::string diffId;
  compress::Compression compression = compress::Compression::none;
  std::string target;
  /// Of the tar, and so of all that it can hold.
  uint64_t maxBytes = 0;
  uint64_t maxEntries = 0;
};

struct PipelineResult {
  ApplyResult applied;
  uint64_t tarBytes = 0;
};

class Pipeline {
 public:
  /// Opens `partial` (made 0600 when absent) and starts the threads. Throws SysError, or Error
  /// ERR_BLOB_SIZE_MISMATCH when the partial file is larger than the blob: it belongs to something else and
  /// is to be removed.
  explicit Pipeline(PipelineOptions options);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  /// As abort().
  ~Pipeline();

  /// Bytes that the partial file held.
  uint64_t offset() const { return offset_; }

  /// Takes a copy, without waiting. Answers whether there is room for more; if not, whenRoom() says when.
  /// Throws what the pipeline has failed with.
  bool offer(std::span<const uint8_t> bytes);
  /// Calls `callback` once, from any thread, when there is room or the pipeline has failed.
  void whenRoom(std::function<void()> callback) { incoming_.whenRoom(std::move(callback)); }
  /// Throws what the pipeline has failed with, if it has.
  void rethrowFailure();

  /// No more bytes: waits for the files. Throws ERR_BLOB_SIZE_MISMATCH, ERR_BLOB_DIGEST_MISMATCH,
  /// ERR_LAYER_DIFF_ID_MISMATCH and all that the threads can fail with. When offset() was > 0, a failure
  /// whose kind is "corrupt" may be the partial file's fault: remove it and begin once more.
  PipelineResult finish();
  /// Stops the threads and waits for them. Idempotent.
  void abort();

 private:
  template <typename Body>
  std::thread start(Body body);
  void fail(std::exception_ptr failure);
  void cancel();
  void join();

  void intake();
  void replay(class BlobCheck& check);
  void inflate();
  void inflateInto(std::span<const uint8_t> input, compress::Inflater& inflater, hash::Sha256& hash);
  void apply();

  const PipelineOptions options_;
  sys::UniqueFd partial_;
  uint64_t offset_ = 0;
  ByteQueue incoming_;
  ByteQueue compressed_;
  BufferRing tar_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  /// finish() and abort() may be called on two threads at once.
  std::mutex joining_;
  PipelineResult result_;
  std::vector<std::thread> threads_;
};

}  // namespace strake::layer
