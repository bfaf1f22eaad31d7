// From a compressed layer's bytes, as they arrive, to the layer's files. Three threads, so that two cores
// stay busy:
//
//   intake   appends the bytes to the partial file, sha256 of the blob     <= 1 MiB queued
//   inflate  reads the partial file behind it, gzip or zstd
//   apply    tar -> files, or the tar to a file and its headers to an index  3 MiB of buffers
//
// The sha256 of the tar (diffId) is with whoever has less to do: inflate when files are made, else apply. So
// one layer alone keeps two cores busy.
//
// Intake waits for nobody but the disk, so that what has arrived is in the partial file when the process dies
// a moment later; what is slower than the network catches up from the file. It is only ever appended to, so
// whatever instant the process dies at, it holds a prefix of the blob (as far as its digest says so in the
// end: see finish()).
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "compress/inflater.h"
#include "layer/apply.h"
#include "layer/buffer_ring.h"
#include "layer/byte_queue.h"
#include "layer/erofs_index.h"
#include "layer/growing_file.h"

namespace strake::layer {

struct PipelineOptions {
  /// File that collects the blob's bytes as they arrive; or, with `stored`, the file that has them.
  std::string partial;
  /// All of the blob's bytes stand in `partial` from here on, and nothing is written there.
  std::optional<uint64_t> stored = std::nullopt;
  /// Of the compressed blob.
  uint64_t size = 0;
  /// "sha256:<hex>", of the compressed blob and of the tar.
  std::string digest;
  std::string diffId;
  compress::Compression compression = compress::Compression::none;
  /// An empty directory that becomes the layer; or, when it is none, `tar`.
  std::string target = {};
  /// A new file that gets the tar itself, to be indexed.
  std::string tar = {};
  /// Of the tar, and so of all that it can hold.
  uint64_t maxBytes = 0;
  uint64_t maxEntries = 0;
  /// Borrowed: whose root the files are made as; below 0, as the caller.
  int userNamespace = -1;

  /// Whether the blob is the tar itself.
  bool isTar() const { return compression == compress::Compression::none && digest == diffId; }
};

struct PipelineResult {
  /// Of `target`.
  ApplyResult applied;
  /// Of `tar`, which is on the disk then.
  std::shared_ptr<LayerIndex> index = nullptr;
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

  /// Bytes that the partial file held; all of them with `stored`.
  uint64_t offset() const { return partial_.sizeAtOpen(); }

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
  /// Puts what has been offered into the partial file, stops the threads and waits for them. Idempotent.
  void abort();

 private:
  template <typename Body>
  std::thread start(Body body);
  void fail(std::exception_ptr failure);
  void stop();
  void join();

  void intake();
  void checkKept(class BlobCheck& check);
  void inflate();
  void inflateInto(std::span<const uint8_t> input, compress::Inflater& inflater, class TarCheck& check);
  void passOn(class TarCheck& check);
  bool isKept() const { return !options_.tar.empty(); }
  void apply();
  void index();

  const PipelineOptions options_;
  ByteQueue incoming_;
  GrowingFile partial_;
  BufferRing tar_;
  /// Of the buffer that is being inflated into, which is passed on when it is full.
  size_t filled_ = 0;
  /// Failed or aborted: what has arrived is still kept, and no more is made of it.
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;
  /// finish() and abort() may be called on two threads at once.
  std::mutex joining_;
  PipelineResult result_;
  std::vector<std::thread> threads_;
};

}  // namespace strake::layer
