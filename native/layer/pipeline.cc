#include "layer/pipeline.h"

#include <sys/stat.h>

#include <utility>

#include "layer/checks.h"
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
/// Also the size of each write of a tar that is kept: aligned, so that its cache is made of large folios.
constexpr size_t tarBufferSize = 512 << 10;

}  // namespace

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
    threads_.push_back(start([this] { isKept() ? index() : apply(); }));
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
  TarCheck check(options_);
  std::vector<uint8_t> buffer(readSize);
  uint64_t at = 0;
  while (const size_t got = partial_.read(buffer, at)) {
    inflateInto({buffer.data(), got}, *inflater, check);
    at += got;
  }
  if (stopped_) return;
  inflater->finish();
  passOn(check);
  if (!isKept()) check.finish();
  tar_.close();
}

void Pipeline::inflateInto(std::span<const uint8_t> input, compress::Inflater& inflater, TarCheck& check) {
  for (;;) {
    const auto output = tar_.acquire().subspan(filled_);
    const compress::Progress step = inflater.inflate(input, output);
    input = input.subspan(step.consumed);
    filled_ += step.produced;
    result_.tarBytes += step.produced;
    if (result_.tarBytes > options_.maxBytes) {
      tooLarge("blob " + options_.digest + " inflates to more than " + std::to_string(options_.maxBytes) +
               " bytes");
    }
    if (step.produced < output.size()) return;
    passOn(check);
  }
}

void Pipeline::passOn(TarCheck& check) {
  if (filled_ == 0) return;
  if (!isKept()) check.hash(tar_.acquire().first(filled_));
  tar_.commit(std::exchange(filled_, 0));
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
  CheckedTar checked(tar_, options_);
  VerbatimTar tar(checked, options_.tar);
  result_.index = std::make_shared<LayerIndex>(tar, options_.maxEntries);
  tar.sync();
}

}  // namespace strake::layer
