#include "compress/compressor.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <stdexcept>
#include <string>

#include "compress/block_deflater.h"
#include "sys/error.h"

namespace strake::compress {
namespace {

std::span<const uint8_t> bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Lines that repeat near and far, and in between what does not compress.
std::string mixed(size_t size) {
  std::mt19937 random(11);
  std::string data;
  while (data.size() < size) {
    for (int i = 0; i < 400; ++i) data += "line " + std::to_string(random() % 500) + "\n";
    for (int i = 0; i < 500; ++i) data += static_cast<char>(random());
  }
  data.resize(size);
  return data;
}

std::string compress(const CompressorOptions& options, const std::string& data, size_t piece) {
  std::string result;
  const auto compressor = makeCompressor(
      options, [&](auto bytes) { result.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()); });
  for (size_t at = 0; at < data.size(); at += piece)
    compressor->write(bytesOf(data).subspan(at, std::min(piece, data.size() - at)));
  compressor->finish();
  return result;
}

std::string inflate(Inflater& inflater, const std::string& data) {
  std::string result;
  std::string output(100'000, '\0');
  auto input = bytesOf(data);
  for (;;) {
    const Progress step = inflater.inflate(input, {reinterpret_cast<uint8_t*>(output.data()), output.size()});
    result.append(output, 0, step.produced);
    input = input.subspan(step.consumed);
    if (step.produced < output.size()) break;
  }
  inflater.finish();
  return result;
}

const size_t sizes[] = {0, 1, 40'000, 512 << 10, (512 << 10) + 1, 5'000'000};

TEST(Compressor, WhatItMakesOfAnySizeAndLevelIsInflatedByEveryInflater) {
  for (const size_t size : sizes) {
    const std::string data = mixed(size);
    for (const int level : {1, 2, 3, 4, 6, 9}) {
      const std::string packed = compress({.compression = Compression::gzip, .level = level}, data, 1 << 20);
      EXPECT_EQ(inflate(*makeZlibInflater(), packed), data) << size << " level " << level;
      if (const auto isal = makeIsalInflater()) {
        EXPECT_EQ(inflate(*isal, packed), data);
      }
      if (size > 1'000'000) {
        EXPECT_LT(packed.size(), size / 2);
      }
    }
    for (const int level : {1, 3, 9}) {
      const std::string packed = compress({.compression = Compression::zstd, .level = level}, data, 1 << 20);
      EXPECT_EQ(inflate(*makeZstdInflater(), packed), data) << size << " level " << level;
    }
    EXPECT_EQ(compress({.compression = Compression::none}, data, 1 << 20), data);
  }
}

TEST(Compressor, TheSameInputGivesTheSameBytesWhateverTheThreadsAndPieces) {
  const std::string data = mixed(14'000'000);
  for (const auto& [compression, level] : {std::pair(Compression::gzip, 1),
                                           {Compression::gzip, 3},
                                           {Compression::gzip, 6},
                                           {Compression::zstd, 3}}) {
    const std::string one = compress({compression, level, 1}, data, 1 << 20);
    EXPECT_EQ(compress({compression, level, 2}, data, 777'777), one);
    EXPECT_EQ(compress({compression, level, 7}, data, 65'536), one);
    EXPECT_EQ(compress({compression, level, 0}, data, data.size()), one);
  }
}

TEST(Compressor, TheDefaultLevelsAreThoseThatTheHeaderSays) {
  const std::string data = mixed(900'000);
  EXPECT_EQ(compress({Compression::gzip}, data, 1 << 20),
            compress({Compression::gzip, defaultGzipLevel}, data, 1 << 20));
  EXPECT_EQ(compress({Compression::zstd}, data, 1 << 20),
            compress({Compression::zstd, defaultZstdLevel}, data, 1 << 20));
}

TEST(Compressor, AGzipHeaderHasNoTimeAndNoSystem) {
  EXPECT_EQ(compress({Compression::gzip}, "x", 1).substr(0, 10),
            std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
}

TEST(Compressor, WhatDoesNotCompressHardlyGrows) {
  std::mt19937 random(3);
  std::string noise(3'000'000, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  for (const int level : {1, 2, 3, 6}) {
    const size_t packed = compress({Compression::gzip, level}, noise, 1 << 20).size();
    EXPECT_LT(packed, noise.size() + noise.size() / 500) << level;
  }
}

TEST(Compressor, ALevelThatThereIsNotIsRefused) {
  const auto ignore = [](auto) {};
  for (const auto& [compression, level] : {std::pair(Compression::gzip, -1),
                                           {Compression::gzip, 10},
                                           {Compression::zstd, -1},
                                           {Compression::zstd, 20}}) {
    EXPECT_THROW(makeCompressor({compression, level}, ignore), sys::Error);
  }
}

TEST(Compressor, WhatTheSinkThrowsPassesAndTheThreadsEnd) {
  const std::string data = mixed(8'000'000);
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    size_t taken = 0;
    const auto compressor = makeCompressor({compression}, [&](auto bytes) {
      taken += bytes.size();
      if (taken > 100'000) throw std::runtime_error("full");
    });
    EXPECT_THROW(
        {
          compressor->write(bytesOf(data));
          compressor->finish();
        },
        std::runtime_error);
  }
}

TEST(Compressor, OneThatIsDroppedInTheMiddleEndsItsThreads) {
  const std::string data = mixed(3'000'000);
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    const auto compressor = makeCompressor({compression}, [](auto) {});
    compressor->write(bytesOf(data));
  }
}

TEST(BlockDeflater, TheChecksumIsGzips) {
  const std::string data = mixed(100'001);
  EXPECT_EQ(crc32Of(bytesOf(data)), ::crc32(0, bytesOf(data).data(), static_cast<uInt>(data.size())));
}

}  // namespace
}  // namespace strake::compress
