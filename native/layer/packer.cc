#include "layer/packer.h"

#include <fcntl.h>

#include <vector>

#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr size_t incomingCapacity = 2 << 20;
constexpr size_t readSize = 512 << 10;

std::string digestOf(hash::Sha256& hash) {
  return "sha256:" + hash::toHex(hash.finish());
}

}  // namespace

Packer::Packer(PackOptions options) : options_(std::move(options)), incoming_(incomingCapacity) {
  compressor_ = compress::makeCompressor(options_.compression, [this](auto bytes) { put(bytes); });
  if (!options_.input.empty())
    input_.reset(sys::check(::open(options_.input.c_str(), O_RDONLY | O_CLOEXEC), "open", options_.input));
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  output_.reset(sys::check(::open(options_.output.c_str(), flags, 0600), "open", options_.output));
  thread_ = std::thread([this] { run(); });
}

Packer::~Packer() {
  abort();
}

void Packer::run() {
  try {
    pack(*compressor_);
  } catch (...) {
    const std::lock_guard guard(mutex_);
    failure_ = std::current_exception();
  }
  incoming_.close();
}

void Packer::pack(compress::Compressor& compressor) {
  if (input_) {
    packFile(compressor);
  } else {
    while (const std::optional<std::vector<uint8_t>> piece = incoming_.pop()) {
      if (stopped_) return;
      take(compressor, *piece);
    }
  }
  if (stopped_) return;
  compressor.finish();
  result_.diffId = digestOf(tarHash_);
  result_.digest = digestOf(blobHash_);
}

void Packer::packFile(compress::Compressor& compressor) {
  const auto inflater = compress::makeInflater(options_.inputCompression);
  std::vector<char> buffer(readSize);
  std::vector<uint8_t> tar(readSize);
  while (const size_t got = stopped_ ? 0 : sys::readFull(input_.get(), buffer, options_.input)) {
    std::span<const uint8_t> input(reinterpret_cast<const uint8_t*>(buffer.data()), got);
    for (compress::Progress step{0, tar.size()}; step.produced == tar.size();) {
      step = inflater->inflate(input, tar);
      input = input.subspan(step.consumed);
      take(compressor, std::span(tar).first(step.produced));
    }
  }
  if (!stopped_) inflater->finish();
}

void Packer::take(compress::Compressor& compressor, std::span<const uint8_t> tar) {
  tarHash_.update(tar);
  result_.tarBytes += tar.size();
  compressor.write(tar);
}

void Packer::put(std::span<const uint8_t> blob) {
  blobHash_.update(blob);
  result_.size += blob.size();
  sys::writeAll(output_.get(), {reinterpret_cast<const char*>(blob.data()), blob.size()}, options_.output);
}

void Packer::join() {
  const std::lock_guard guard(joining_);
  if (thread_.joinable()) thread_.join();
  // Not with the object: that goes when JavaScript's garbage is collected.
  compressor_.reset();
  input_.reset();
  output_.reset();
}

void Packer::rethrowFailure() {
  const std::lock_guard guard(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

bool Packer::offer(std::span<const uint8_t> bytes) {
  const bool room = incoming_.offer(bytes);
  if (!room) rethrowFailure();
  return room;
}

PackResult Packer::finish() {
  incoming_.close();
  join();
  rethrowFailure();
  if (stopped_) throw sys::Error("ERR_ABORTED", "packing the layer was aborted");
  return result_;
}

void Packer::abort() {
  stopped_ = true;
  incoming_.close();
  join();
}

}  // namespace strake::layer
