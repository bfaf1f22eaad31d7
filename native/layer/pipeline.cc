#include "layer/pipeline.h"

#include <sys/stat.h>

#include "layer/error.h"
#include "layer/verbatim_tar.h"
#include "sys/error.h"
#include "sys/user_namespace.h"

namespace strake::layer {

namespace {

/// All that is lost when the process is killed.
constexpr size_t incomingCapacity = 1 << 20;
constexpr size_t readSize = 256 << 10;
constexpr size_t tarBuffers = 6;
constexpr size_t tarBufferSize = 512 << 10;

std::string digestOf(hash::Sha256& hash) {
  return "sha256:" + hash::toHex(hash.finish());
}

[[noreturn]] void otherContents(const PipelineOptions& options, const std::string& digest) {
  throw sys::Error("ERR_BLOB_DIGEST_MISMATCH",
                   "blob " + options.digest + " has other contents: their digest is " + digest);
}

}  // namespace

/// The blob's size and digest, while its bytes pass by. Of a blob that is the tar itself only the size: its
/// digest is the diffId, for which the tar is hashed anyway.
class BlobCheck {
 public:
  explicit BlobCheck(const PipelineOptions& options) : options_(options) {}

  void count(uint64_t bytes) {
    size_ += bytes;
    if (size_ > options_.size) {
      throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "blob " + options_.digest + " is larger than the " +
                                                     std::to_string(options_.size) +
                                                     " bytes that its descriptor says");
    }
  }

  bool isHashed() const { return !options_.isTar(); }
  void hash(std::span<const uint8_t> bytes) {
    if (isHashed()) hash_.update(bytes);
  }

  void finish() {
    if (size_ != options_.size) {
      throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "blob " + options_.digest + " ended after " +
                                                     std::to_string(size_) + " of " +
                                                     std::to_string(options_.size) + " bytes");
    }
    if (!isHashed()) return;
    if (const std::string digest = digestOf(hash_); digest != options_.digest)
      otherContents(options_, digest);
  }

 private:
  const PipelineOptions& options_;
  hash::Sha256 hash_;
  uint64_t size_ = 0;
};

Pipeline::Pipeline(PipelineOptions options)
    : options_(std::move(options)),
      incoming_(incomingCapacity),
      partial_(options_.stored ? GrowingFile(options_.partial, *options_.stored, options_.size)
                               : GrowingFile(options_.partial)),
      tar_(tarBuffers, tarBufferSize) {
  if (offset() > options_.size) {
    throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "the partial file " + options_.partial + " holds " +
                                                   std::to_string(offset()) + " bytes of a blob of " +
                                                   std::to_string(options_.size) +
                                                   ": remove it and begin again");
  }
  try {
    threads_.push_back(start([this] { intake(); }));
    threads_.push_back(start([this] { inflate(); }));
    threads_.push_back(start([this] { options_.tar.empty() ? apply() : index(); }));
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
  stop();
}

void Pipeline::stop() {
  stopped_ = true;
  tar_.cancel();
  partial_.stopReading();
  incoming_.close();
}

void Pipeline::join() {
  const std::lock_guard guard(joining_);
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  partial_.release();  // not with the object: that goes when JavaScript's garbage is collected
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
  if (stopped_) throw sys::Error("ERR_ABORTED", "the layer was aborted");
  return std::move(result_);
}

void Pipeline::abort() {
  stop();
  join();
}

void Pipeline::intake() {
  BlobCheck check(options_);
  checkKept(check);
  while (const std::optional<std::vector<uint8_t>> piece = incoming_.pop()) {
    check.count(piece->size());
    partial_.append(*piece);
    if (!stopped_) check.hash(*piece);
  }
  if (stopped_) return;
  check.finish();
  partial_.close();
}

void Pipeline::checkKept(BlobCheck& check) {
  if (!check.isHashed()) return check.count(offset());
  std::vector<uint8_t> buffer(std::min<uint64_t>(readSize, offset()));
  for (uint64_t at = 0; at < offset();) {
    const size_t got = partial_.read(buffer, at);
    if (got == 0) return check.count(offset() - at);
    check.count(got);
    check.hash({buffer.data(), got});
    at += got;
  }
}

void Pipeline::inflate() {
  const auto inflater = compress::makeInflater(options_.compression);
  hash::Sha256 hash;
  std::vector<uint8_t> buffer(readSize);
  uint64_t at = 0;
  while (const size_t got = partial_.read(buffer, at)) {
    inflateInto({buffer.data(), got}, *inflater, hash);
    at += got;
  }
  if (stopped_) return;
  inflater->finish();
  const std::string diffId = digestOf(hash);
  if (diffId != options_.diffId) {
    if (options_.isTar()) otherContents(options_, diffId);
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
  sys::asRootOf(options_.userNamespace, [&] {
    ::umask(0);
    result_.applied = Applier(options_.target, options_.maxEntries).apply(reader);
  });
}

void Pipeline::index() {
  VerbatimTar tar(tar_, options_.tar);
  result_.index = std::make_shared<LayerIndex>(tar, options_.maxEntries);
  tar.sync();
}

}  // namespace strake::layer
