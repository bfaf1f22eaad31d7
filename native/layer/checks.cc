#include "layer/checks.h"

#include <string>

#include "sys/error.h"

namespace strake::layer {

namespace {

std::string digestOf(hash::Sha256& hash) {
  return "sha256:" + hash::toHex(hash.finish());
}

[[noreturn]] void otherContents(const PipelineOptions& options, const std::string& digest) {
  throw sys::Error("ERR_BLOB_DIGEST_MISMATCH",
                   "blob " + options.digest + " has other contents: their digest is " + digest);
}

}  // namespace

void BlobCheck::count(uint64_t bytes) {
  size_ += bytes;
  if (size_ <= options_.size) return;
  throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "blob " + options_.digest + " is larger than the " +
                                                 std::to_string(options_.size) +
                                                 " bytes that its descriptor says");
}

void BlobCheck::finish() {
  if (size_ != options_.size) {
    throw sys::Error("ERR_BLOB_SIZE_MISMATCH", "blob " + options_.digest + " ended after " +
                                                   std::to_string(size_) + " of " +
                                                   std::to_string(options_.size) + " bytes");
  }
  if (!isHashed()) return;
  if (const std::string digest = digestOf(hash_); digest != options_.digest) otherContents(options_, digest);
}

void TarCheck::finish() {
  const std::string diffId = digestOf(hash_);
  if (diffId == options_.diffId) return;
  if (options_.isTar()) otherContents(options_, diffId);
  throw sys::Error("ERR_LAYER_DIFF_ID_MISMATCH", "blob " + options_.digest + " inflates to " + diffId +
                                                     ", but the image's configuration says " +
                                                     options_.diffId);
}

std::span<const uint8_t> CheckedTar::next() {
  if (ended_) return {};
  const auto piece = source_.next();
  ended_ = piece.empty();
  if (ended_)
    check_.finish();
  else
    check_.hash(piece);
  return piece;
}

}  // namespace strake::layer
