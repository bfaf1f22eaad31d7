#include "layer/inflate_file.h"

#include <fcntl.h>

#include <span>
#include <string_view>
#include <vector>

#include "hash/sha256.h"
#include "layer/error.h"
#include "layer/file_source.h"
#include "sys/error.h"
#include "sys/unique_fd.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr size_t pieceSize = 512 << 10;

/// Where inflated bytes go.
class HashedFile {
 public:
  HashedFile(const std::string& path, uint64_t maxBytes) : path_(path), maxBytes_(maxBytes) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    file_.reset(sys::check(::open(path.c_str(), flags, 0600), "open", path));
  }

  void write(std::span<const uint8_t> bytes) {
    size_ += bytes.size();
    if (size_ > maxBytes_) tooLarge("it inflates to more than " + std::to_string(maxBytes_) + " bytes");
    sys::writeAll(file_.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path_);
    hash_.update(bytes);
  }

  InflatedFile finish() { return {"sha256:" + hash::toHex(hash_.finish()), size_}; }

 private:
  const std::string path_;
  const uint64_t maxBytes_;
  sys::UniqueFd file_;
  hash::Sha256 hash_;
  uint64_t size_ = 0;
};

}  // namespace

InflatedFile inflateFile(const FileRange& source, compress::Compression compression,
                         const std::string& target, uint64_t maxBytes) {
  FileSource input(source.path, pieceSize, source.offset, source.size);
  const auto inflater = compress::makeInflater(compression);
  HashedFile output(target, maxBytes);
  std::vector<uint8_t> buffer(pieceSize);
  for (auto piece = input.next(); !piece.empty(); piece = input.next()) {
    for (;;) {
      const compress::Progress step = inflater->inflate(piece, buffer);
      piece = piece.subspan(step.consumed);
      output.write({buffer.data(), step.produced});
      if (step.produced < buffer.size()) break;
    }
  }
  inflater->finish();
  return output.finish();
}

}  // namespace strake::layer
