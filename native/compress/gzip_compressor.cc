// One gzip member (RFC 1952), its blocks deflated on several threads: each block is compressed by itself,
// with the 32 KiB before it as its window. Where blocks begin depends on the input's offset alone.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "compress/block_deflater.h"
#include "compress/compressor.h"

namespace strake::compress {

namespace {

constexpr size_t blockSize = 512 << 10;

/// No name, no time, and an "unknown" operating system.
constexpr std::array<uint8_t, 10> header{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};

struct Block {
  /// The window, then the data.
  std::vector<uint8_t> input;
  size_t window = 0;
  std::vector<uint8_t> output;
  uint32_t crc = 0;
  bool done = false;
  std::exception_ptr failure;

  std::span<const uint8_t> data() const { return std::span(input).subspan(window); }
};

class GzipCompressor final : public Compressor {
 public:
  GzipCompressor(int level, unsigned threads, Sink sink)
      : level_(level), sink_(std::move(sink)), blocks_(4 * threads + 1) {
    try {
      for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }
  ~GzipCompressor() override { stop(); }
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  void write(std::span<const uint8_t> input) override {
    begin();
    while (!input.empty()) {
      Block& block = at(filled_);
      const size_t taken = std::min(input.size(), blockSize - block.data().size());
      block.input.insert(block.input.end(), input.begin(), input.begin() + static_cast<long>(taken));
      input = input.subspan(taken);
      if (block.data().size() == blockSize) submit();
    }
  }

  void finish() override {
    begin();
    if (!at(filled_).data().empty()) submit();
    while (emitted_ < filled_) emitOldest();
    sink_(endOfStream);
    sink_(trailer());
  }

 private:
  Block& at(uint64_t index) { return blocks_[index % blocks_.size()]; }

  void begin() {
    if (begun_) return;
    begun_ = true;
    sink_(header);
  }

  /// Hands the block that is full to the threads and makes room for the next one, which begins with its end.
  void submit() {
    {
      const std::lock_guard guard(mutex_);
      ++filled_;
    }
    changed_.notify_all();
    while (filled_ - emitted_ == blocks_.size() || (emitted_ < filled_ && isDone(emitted_))) emitOldest();
    const Block& last = at(filled_ - 1);
    Block& next = at(filled_);
    next.window = std::min(last.input.size(), deflateWindow);
    next.input.assign(last.input.end() - static_cast<long>(next.window), last.input.end());
    next.input.reserve(blockSize + deflateWindow);
  }

  bool isDone(uint64_t index) {
    const std::lock_guard guard(mutex_);
    return at(index).done;
  }

  void emitOldest() {
    Block& block = at(emitted_);
    {
      std::unique_lock guard(mutex_);
      changed_.wait(guard, [&] { return block.done; });
      block.done = false;
      ++emitted_;
    }
    if (block.failure) std::rethrow_exception(block.failure);
    const size_t size = block.data().size();
    crc_ = static_cast<uint32_t>(::crc32_combine(crc_, block.crc, static_cast<z_off_t>(size)));
    length_ += size;
    sink_(block.output);
  }

  std::array<uint8_t, 8> trailer() const {
    std::array<uint8_t, 8> bytes;
    for (size_t i = 0; i < 4; ++i) {
      bytes[i] = static_cast<uint8_t>(crc_ >> (8 * i));
      bytes[4 + i] = static_cast<uint8_t>(length_ >> (8 * i));
    }
    return bytes;
  }

  void work() {
    std::unique_ptr<BlockDeflater> deflater;
    for (;;) {
      Block* block = take();
      if (block == nullptr) return;
      try {
        if (!deflater) deflater = makeBlockDeflater(level_);
        deflater->deflate(std::span(block->input).first(block->window), block->data(), block->output);
        block->crc = crc32Of(block->data());
      } catch (...) {
        block->failure = std::current_exception();
      }
      {
        const std::lock_guard guard(mutex_);
        block->done = true;
      }
      changed_.notify_all();
    }
  }

  Block* take() {
    std::unique_lock guard(mutex_);
    changed_.wait(guard, [this] { return stopped_ || taken_ < filled_; });
    return stopped_ ? nullptr : &at(taken_++);
  }

  void stop() {
    {
      const std::lock_guard guard(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  int level_;
  Sink sink_;
  bool begun_ = false;
  uint32_t crc_ = 0;
  uint64_t length_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Block> blocks_;
  /// Counts of blocks ever filled, taken by a thread, and emitted. The one being filled is number `filled_`.
  uint64_t filled_ = 0;
  uint64_t taken_ = 0;
  uint64_t emitted_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Compressor> makeGzipCompressor(int level, unsigned threads, Compressor::Sink sink) {
  return std::make_unique<GzipCompressor>(level, threads, std::move(sink));
}

}  // namespace strake::compress
