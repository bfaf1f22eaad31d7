#include "layer/erofs_index.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>

#include "hash/sha256.h"
#include "layer/erofs_apply.h"
#include "layer/erofs_complete.h"
#include "layer/erofs_writer.h"
#include "layer/error.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

constexpr size_t readSize = 512 << 10;

sys::UniqueFd openToRead(const std::string& path) {
  return sys::UniqueFd(sys::check(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), "open", path));
}

uint64_t sizeOf(const sys::UniqueFd& file, const std::string& path) {
  struct stat status {};
  sys::check(::fstat(file.get(), &status), "fstat", path);
  return static_cast<uint64_t>(status.st_size);
}

/// A file, hashed while it is read.
class HashedFile final : public ByteSource {
 public:
  explicit HashedFile(const std::string& path) : path_(path), file_(openToRead(path)), buffer_(readSize) {}

  std::span<const uint8_t> next() override {
    const size_t got = sys::readFull(file_.get(), buffer_, path_);
    const std::span piece(reinterpret_cast<const uint8_t*>(buffer_.data()), got);
    hash_.update(piece);
    return piece;
  }
  std::string digest() { return "sha256:" + hash::toHex(hash_.finish()); }

 private:
  const std::string& path_;
  sys::UniqueFd file_;
  std::vector<char> buffer_;
  hash::Sha256 hash_;
};

bool sameBytes(const std::string& left, const std::string& right) {
  const sys::UniqueFd a = openToRead(left), b = openToRead(right);
  std::vector<char> one(readSize), other(readSize);
  for (;;) {
    const size_t got = sys::readFull(a.get(), one, left);
    if (sys::readFull(b.get(), other, right) != got) return false;
    if (!std::equal(one.begin(), one.begin() + static_cast<ptrdiff_t>(got), other.begin())) return false;
    if (got < one.size()) return true;
  }
}

/// A file that goes with its owner.
struct Unlinked {
  std::string path;
  ~Unlinked() { ::unlink(path.c_str()); }
};

}  // namespace

LayerIndex::LayerIndex(ByteSource& tar, uint64_t maxEntries) {
  TarReader reader(tar);
  entries_ = erofs::IndexApplier(tree_, maxEntries).apply(reader);
}

LayerIndex::Written LayerIndex::write(const std::string& path, const std::string& tar, const LayerIds& ids,
                                      const std::vector<sys::LayerRef>& lowers) {
  const LayerStack below(lowers);
  erofs::complete(tree_, below);
  const sys::UniqueFd source = openToRead(tar);
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  const sys::UniqueFd file(sys::check(::open(path.c_str(), flags, 0600), "open", path));
  const erofs::IndexedTar indexed{source.get(), sizeOf(source, tar), ids};
  const uint64_t size = erofs::writeIndex(tree_, indexed, below, file.get(), path);
  const erofs::Node& root = tree_.node(erofs::rootId);
  return {size, root.mode & 07777u, root.uid, root.gid};
}

std::string verifyLayer(const sys::LayerRef& layer, const LayerIds& ids,
                        const std::vector<sys::LayerRef>& lowers, const std::string& scratch) {
  HashedFile tar(layer.tar);
  std::optional<LayerIndex> index;
  std::string unreadable;
  try {
    index.emplace(tar, std::numeric_limits<uint32_t>::max());
  } catch (const sys::Error& error) {
    unreadable = error.what();
    while (!tar.next().empty()) continue;
  }
  if (const std::string digest = tar.digest(); digest != ids.diffId)
    return "its tar " + layer.tar + " has the digest " + digest + " instead of " + ids.diffId;
  if (!index) return unreadable;
  const Unlinked made{scratch};
  index->write(scratch, layer.tar, ids, lowers);
  if (!sameBytes(scratch, layer.index))
    return "its index " + layer.index + " is not the one that belongs to its tar";
  return "";
}

}  // namespace strake::layer
