// What a blob and the tar in it must be, compared with what passes by.
#pragma once
#include <cstdint>
#include <span>

#include "hash/sha256.h"
#include "layer/byte_source.h"
#include "layer/pipeline.h"

namespace strake::layer {

/// The blob's size and digest. Of a blob that is the tar itself only the size: its digest is the diffId, for
/// which the tar is hashed anyway.
class BlobCheck {
 public:
  explicit BlobCheck(const PipelineOptions& options) : options_(options) {}

  /// Throws ERR_BLOB_SIZE_MISMATCH when they are too many.
  void count(uint64_t bytes);
  bool isHashed() const { return !options_.isTar(); }
  void hash(std::span<const uint8_t> bytes) {
    if (isHashed()) hash_.update(bytes);
  }
  /// Throws ERR_BLOB_SIZE_MISMATCH, ERR_BLOB_DIGEST_MISMATCH.
  void finish();

 private:
  const PipelineOptions& options_;
  hash::Sha256 hash_;
  uint64_t size_ = 0;
};

/// The tar's digest.
class TarCheck {
 public:
  explicit TarCheck(const PipelineOptions& options) : options_(options) {}

  void hash(std::span<const uint8_t> bytes) { hash_.update(bytes); }
  /// Throws ERR_LAYER_DIFF_ID_MISMATCH; ERR_BLOB_DIGEST_MISMATCH when the blob is the tar.
  void finish();

 private:
  const PipelineOptions& options_;
  hash::Sha256 hash_;
};

/// A tar that is checked as it is read: its end is not seen unless the digest is right.
class CheckedTar final : public ByteSource {
 public:
  CheckedTar(ByteSource& source, const PipelineOptions& options) : source_(source), check_(options) {}

  /// Throws what TarCheck::finish() throws.
  std::span<const uint8_t> next() override;

 private:
  ByteSource& source_;
  TarCheck check_;
  bool ended_ = false;
};

}  // namespace strake::layer
