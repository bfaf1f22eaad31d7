// The floor of unpacking a layer durably on two cores: its bytes are hashed, inflated and hashed once more,
// each by the fastest code at hand (SHA instructions, ISA-L), written once in sequence and synced, so shared
// out that one layer alone keeps both cores busy. No tar is looked into and nothing is checked.
//
//   floor-unpack BLOB(gzip) OUTPUT
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "compress/inflater.h"
#include "hash/sha256.h"
#include "layer/buffer_ring.h"

using namespace strake;

namespace {

constexpr size_t inputSize = 256 << 10, outputSize = 512 << 10;
constexpr off_t flushSize = 8 << 20;

void hashFile(const char* path) {
  const int file = open(path, O_RDONLY);
  std::vector<uint8_t> buffer(inputSize);
  hash::Sha256 hash;
  for (ssize_t got; (got = read(file, buffer.data(), buffer.size())) > 0;)
    hash.update({buffer.data(), static_cast<size_t>(got)});
  std::printf("%s\n", hash::toHex(hash.finish()).c_str());
  close(file);
}

void inflateFile(const char* path, layer::BufferRing& ring) {
  const int from = open(path, O_RDONLY);
  const auto inflater = compress::makeInflater(compress::Compression::gzip);
  std::vector<uint8_t> input(inputSize);
  size_t filled = 0;
  for (ssize_t got; (got = read(from, input.data(), input.size())) > 0;) {
    std::span<const uint8_t> rest(input.data(), static_cast<size_t>(got));
    for (bool full = true; full;) {
      const std::span<uint8_t> output = ring.acquire().subspan(filled);
      const compress::Progress step = inflater->inflate(rest, output);
      rest = rest.subspan(step.consumed);
      filled += step.produced;
      full = step.produced == output.size();
      if (full) ring.commit(std::exchange(filled, 0));
    }
  }
  if (filled > 0) ring.commit(filled);
  ring.close();
}

/// The disk begins while the rest is still to come.
void writeFile(const char* path, layer::BufferRing& ring) {
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  off_t size = 0, flushed = 0;
  hash::Sha256 hash;
  for (std::span<const uint8_t> piece; !(piece = ring.next()).empty();) {
    hash.update(piece);
    if (write(file, piece.data(), piece.size()) != static_cast<ssize_t>(piece.size())) _exit(1);
    size += static_cast<off_t>(piece.size());
    if (size - flushed < flushSize) continue;
    sync_file_range(file, flushed, size - flushed, SYNC_FILE_RANGE_WRITE);
    flushed = size;
  }
  if (fdatasync(file) < 0) _exit(1);
  std::printf("%s\n", hash::toHex(hash.finish()).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  layer::BufferRing ring(6, outputSize);
  std::thread hashing(hashFile, argv[1]);
  std::thread inflating(inflateFile, argv[1], std::ref(ring));
  writeFile(argv[2], ring);
  hashing.join();
  inflating.join();
}
