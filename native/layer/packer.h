// From a layer's tar to the blob that a registry gets: sha256 of the tar (diffId), compression on threads of
// its own, sha256 of the blob, a file. The tar is offered in pieces as it comes, or read from a file. Memory
// is bounded: 2 MiB of what was offered, and the compressor's blocks.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "compress/compressor.h"
#include "hash/sha256.h"
#include "layer/byte_queue.h"
#include "sys/unique_fd.h"

namespace strake::layer {

struct PackOptions {
  /// The file that the blob goes to: made 0600, must not exist.
  std::string output;
  compress::CompressorOptions compression;
  /// The tar, packed as `inputCompression` says; empty: it is offered, and not packed.
  std::string input;
  compress::Compression inputCompression = compress::Compression::none;
};

struct PackResult {
  /// "sha256:<hex>", of the tar and of the blob.
  std::string diffId;
  std::string digest;
  uint64_t tarBytes = 0;
  uint64_t size = 0;
};

class Packer {
 public:
  /// Opens the files and starts. Throws SysError, also EEXIST, or Error ERR_INVALID_ARGUMENT for a level.
  explicit Packer(PackOptions options);
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;
  /// As abort().
  ~Packer();

  /// Takes a copy, without waiting. Answers whether there is room for more; if not, whenRoom() says when.
  /// Throws what packing has failed with.
  bool offer(std::span<const uint8_t> bytes);
  /// Calls `callback` once, from any thread, when there is room or packing has failed.
  void whenRoom(std::function<void()> callback) { incoming_.whenRoom(std::move(callback)); }
  /// Throws what packing has failed with, if it has.
  void rethrowFailure();

  /// No more bytes: waits until the blob is written. Nothing is synced. Throws what packing has failed with,
  /// or Error ERR_ABORTED after abort(). The file stays whatever happens.
  PackResult finish();
  /// Stops and waits for the thread. Idempotent.
  void abort();

 private:
  void run();
  void pack(compress::Compressor& compressor);
  void packFile(compress::Compressor& compressor);
  void take(compress::Compressor& compressor, std::span<const uint8_t> tar);
  void put(std::span<const uint8_t> blob);
  void join();

  const PackOptions options_;
  sys::UniqueFd input_;
  sys::UniqueFd output_;
  std::unique_ptr<compress::Compressor> compressor_;
  ByteQueue incoming_;
  hash::Sha256 tarHash_;
  hash::Sha256 blobHash_;
  PackResult result_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;
  /// finish() and abort() may be called on two threads at once.
  std::mutex joining_;
  std::thread thread_;
};

}  // namespace strake::layer
