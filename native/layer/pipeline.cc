#include "layer/pipeline.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "layer/error.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr size_t incomingCapacity = 4 << 20;
constexpr size_t compressedCapacity = 2 << 20;
constexpr size_t replayPiece = 256 << 10;
constexpr size_t tarBuffers = 6;
constexpr size_t tarBufferSize = 512 << 10;

std::string digestOf(hash::Sha256& hash) {
  return "sha256:" + hash::toHex(hash.finish());
}

}  // namespace

/// The blob's size and digest, while its bytes pass by.
class BlobCheck {
 public:
  explicit BlobCheck(const PipelineOptions& options) : options_(options) {}

  void update(std::span<const uint8_t> bytes) {
    size_ += bytes.size();
    if (size_ > options_.size) {
      throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "blob " + options_.digest + " is larger than the " +
                                                     std::to_string(options_.size) +
                                                     " bytes that its descriptor says");
    }
    hash_.update(bytes);
  }

  void finish() {
    if (size_ != options_.size) {
      throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "blob " + options_.digest + " ended after " +
                                                     std::to_string(size_) + " of " +
                                                     std::to_string(options_.size) + " bytes");
    }
    const std::string digest = digestOf(hash_);
    if (digest != options_.digest) {
      throw sys::Error("ERR_BLOB_DIGEST_MISMATCH",
                       "blob " + options_.digest + " has other contents: their digest is " + digest);
    }
  }

 private:
  const PipelineOptions& options_;
  hash::Sha256 hash_;
  uint64_t size_ = 0;
};

Pipeline::Pipeline(PipelineOptions options)
    : options_(std::move(options)),
      incoming_(incomingCapacity),
      compressed_(compressedCapacity),
      tar_(tarBuffers, tarBufferSize) {
  const std::string& path = options_.partial;
  const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
  partial_.reset(sys::check(::open(path.c_str(), flags, 0600), "open", path));
  struct stat status {};
  sys::check(::fstat(partial_.get(), &status), "fstat", path);
  offset_ = static_cast<uint64_t>(status.st_size);
  if (offset_ > options_.size) {
    throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "the partial file " + path + " holds " +
                                                   std::to_string(offset_) + " bytes of a blob of " +
                                                   std::to_string(options_.size) +
                                                   ": remove it and begin again");
  }
  try {
    threads_.push_back(start([this] { intake(); }));
    threads_.push_back(start([this] { inflate(); }));
    threads_.push_back(start([this] { apply(); }));
  } catch (...) {
    abort();
    throw;
  }
}

Pipeline::~Pipeline() {
  abort();
}

template <typename Body>
std::thread Pipeline::start(Body body) {
  return std::thread([this, body] {
    try {
      body();
    } catch (const Cancelled&) {
    } catch (...) {
      fail(std::current_exception());
    }
  });
}

void Pipeline::fail(std::exception_ptr failure) {
  {
    const std::lock_guard guard(mutex_);
    if (!failure_) failure_ = std::move(failure);
  }
  cancel();
}

void Pipeline::cancel() {
  tar_.cancel();
  compressed_.cancel();
  incoming_.cancel();
}

void Pipeline::join() {
  const std::lock_guard guard(joining_);
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  partial_.reset();  // not with the object: that goes when JavaScript's garbage is collected
}

void Pipeline::rethrowFailure() {
  const std::lock_guard guard(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

bool Pipeline::offer(std::span<const uint8_t> bytes) {
  const bool room = incoming_.offer(bytes);
  if (!room) rethrowFailure();
  return room;
}

PipelineResult Pipeline::finish() {
  incoming_.close();
  join();
  rethrowFailure();
  if (incoming_.cancelled()) throw sys::Error("ERR_ABORTED", "the layer was aborted");
  return std::move(result_);
}

void Pipeline::abort() {
  cancel();
  join();
}

void Pipeline::intake() {
  BlobCheck check(options_);
  replay(check);
  while (std::optional<std::vector<uint8_t>> piece = incoming_.pop()) {
    check.update(*piece);
    sys::writeAll(partial_.get(), {reinterpret_cast<const char*>(piece->data()), piece->size()},
                  options_.partial);
    if (!compressed_.push(std::move(*piece))) return;
  }
  if (incoming_.cancelled()) return;
  check.finish();
  compressed_.close();
}

void Pipeline::replay(BlobCheck& check) {
  for (uint64_t at = 0; at < offset_;) {
    std::vector<uint8_t> piece(std::min<uint64_t>(replayPiece, offset_ - at));
    const ssize_t got = ::pread(partial_.get(), piece.data(), piece.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (sys::check(got, "pread", options_.partial) == 0) {
      throw sys::Error("ERR_BLOB_SIZE_MISMATCH",
                       "the partial file " + options_.partial + " shrank while it was read");
    }
    piece.resize(static_cast<size_t>(got));
    at += piece.size();
    check.update(piece);
    if (!compressed_.push(std::move(piece))) return;
  }
}

void Pipeline::inflate() {
  const auto inflater = compress::makeInflater(options_.compression);
  hash::Sha256 hash;
  while (const std::optional<std::vector<uint8_t>> piece = compressed_.pop())
    inflateInto(*piece, *inflater, hash);
  if (compressed_.cancelled()) return;
  inflater->finish();
  const std::string diffId = digestOf(hash);
  if (diffId != options_.diffId) {
    throw sys::Error("ERR_LAYER_DIFF_ID_MISMATCH", "blob " + options_.digest + " inflates to " + diffId +
                                                       ", but the image's configuration says " +
                                                       options_.diffId);
  }
  tar_.close();
}

void Pipeline::inflateInto(std::span<const uint8_t> input, compress::Inflater& inflater, hash::Sha256& hash) {
  for (;;) {
    const auto output = tar_.acquire();
    const compress::Progress step = inflater.inflate(input, output);
    input = input.subspan(step.consumed);
    result_.tarBytes += step.produced;
    if (result_.tarBytes > options_.maxBytes) {
      tooLarge("blob " + options_.digest + " inflates to more than " + std::to_string(options_.maxBytes) +
               " bytes");
    }
    if (step.produced > 0) {
      hash.update(output.first(step.produced));
      tar_.commit(step.produced);
    }
    if (step.produced < output.size()) return;
  }
}

void Pipeline::apply() {
  takeOwnUmask();
  TarReader reader(tar_);
  result_.applied = Applier(options_.target, options_.maxEntries).apply(reader);
}

}  // namespace strake::layer
