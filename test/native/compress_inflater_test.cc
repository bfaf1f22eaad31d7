#include "compress/inflater.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <string>

#include "sys/error.h"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

namespace strake::compress {
namespace {

using Make = std::unique_ptr<Inflater> (*)();

std::string text(size_t size) {
  std::mt19937 random(7);
  std::string data;
  while (data.size() < size) data += "line " + std::to_string(random() % 1000) + "\n";
  data.resize(size);
  return data;
}

std::string gzip(const std::string& data, int level = 6) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, data.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(data.data()));
  stream.avail_in = data.size();
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = out.size();
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string inflateAll(Inflater& inflater, const std::string& data, size_t inputPiece, size_t outputPiece) {
  std::string result;
  std::string output(outputPiece, '\0');
  for (size_t at = 0; at < data.size(); at += inputPiece) {
    std::span<const uint8_t> input(reinterpret_cast<const uint8_t*>(data.data()) + at,
                                   std::min(inputPiece, data.size() - at));
    for (;;) {
      const Progress step =
          inflater.inflate(input, {reinterpret_cast<uint8_t*>(output.data()), output.size()});
      result.append(output, 0, step.produced);
      input = input.subspan(step.consumed);
      if (step.produced < output.size()) break;
    }
    EXPECT_TRUE(input.empty());
  }
  inflater.finish();
  return result;
}

void expectCorrupt(Inflater& inflater, const std::string& data) {
  try {
    inflateAll(inflater, data, 1000, 777);
    FAIL() << "not refused";
  } catch (const sys::Error& error) {
    EXPECT_EQ(error.code(), "ERR_LAYER_CORRUPT");
  }
}

class Gzip : public testing::TestWithParam<Make> {
 protected:
  std::unique_ptr<Inflater> make() {
    auto inflater = GetParam()();
    if (!inflater) ADD_FAILURE() << "ISA-L is not built in";
    return inflater;
  }
};

TEST_P(Gzip, InflatesInPiecesOfAnySize) {
  const std::string data = text(300'000);
  for (const int level : {0, 1, 9}) {
    for (const size_t piece : {1u, 7u, 511u, 65536u, 1u << 20}) {
      for (const size_t output : {13u, 4096u, 1u << 20}) {
        if (piece * output < 1000) continue;
        EXPECT_EQ(inflateAll(*make(), gzip(data, level), piece, output), data) << piece << " " << output;
      }
    }
  }
}

TEST_P(Gzip, StringsMembersTogether) {
  const std::string data = text(100'000);
  const std::string members = gzip(data) + gzip("") + gzip("tail") + gzip(data);
  for (const size_t piece : {1u, 3u, 1000u, 1u << 20}) {
    EXPECT_EQ(inflateAll(*make(), members, piece, 5000), data + "tail" + data) << piece;
  }
}

TEST_P(Gzip, RefusesEveryTruncation) {
  const std::string whole = gzip(text(2000));
  for (size_t size = 0; size < whole.size(); ++size) expectCorrupt(*make(), whole.substr(0, size));
}

TEST_P(Gzip, RefusesTrailingGarbage) {
  for (const std::string& garbage :
       {std::string("\0", 1), std::string("x"), std::string("\x1f"), std::string("\x1fxyz")}) {
    expectCorrupt(*make(), gzip("data") + garbage);
  }
}

TEST_P(Gzip, RefusesWrongChecksumAndLength) {
  std::string data = gzip(text(5000));
  data[data.size() - 8] ^= 1;
  expectCorrupt(*make(), data);
  data[data.size() - 8] ^= 1;
  data[data.size() - 1] ^= 1;
  expectCorrupt(*make(), data);
}

TEST_P(Gzip, RefusesWhatIsNoGzip) {
  expectCorrupt(*make(), text(5000));
}

INSTANTIATE_TEST_SUITE_P(Zlib, Gzip, testing::Values(&makeZlibInflater));
#ifdef STRAKE_TEST_ISAL
INSTANTIATE_TEST_SUITE_P(Isal, Gzip, testing::Values(&makeIsalInflater));
#endif

std::string fromBase(std::initializer_list<int> bytes) {
  return {bytes.begin(), bytes.end()};
}

/// A frame of raw and RLE blocks (RFC 8878, 3.1.1), made by hand: Debian's static libzstd cannot always be
/// linked.
std::string zstdFrame(const std::string& data, int windowByte = 0x50) {
  std::string frame = fromBase({0x28, static_cast<char>(0xb5), 0x2f, static_cast<char>(0xfd), 0x00}) +
                      static_cast<char>(windowByte);
  for (size_t at = 0; at < data.size() || at == 0; at += 60000) {
    const std::string block = data.substr(at, 60000);
    const uint32_t header = static_cast<uint32_t>(block.size()) << 3 | (at + 60000 >= data.size() ? 1 : 0);
    frame += {static_cast<char>(header), static_cast<char>(header >> 8), static_cast<char>(header >> 16)};
    frame += block;
  }
  return frame;
}

std::string zstd(const std::string& data) {
  std::string out(ZSTD_compressBound(data.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 3));
  return out;
}

TEST(Zstd, InflatesFramesInPiecesOfAnySize) {
  const std::string data = text(300'000);
  const std::string frames = zstd(data) + zstdFrame("raw") + zstd("tail");
  for (const size_t piece : {1u, 100u, 1u << 20}) {
    EXPECT_EQ(inflateAll(*makeZstdInflater(), frames, piece, 4096), data + "raw" + "tail") << piece;
  }
}

TEST(Zstd, SkipsSkippableFrames) {
  const std::string skippable = fromBase({0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'});
  EXPECT_EQ(inflateAll(*makeZstdInflater(), skippable + zstd("data") + skippable, 5, 100), "data");
}

TEST(Zstd, RefusesEveryTruncation) {
  const std::string whole = zstd(text(3000));
  for (size_t size = 0; size < whole.size(); ++size)
    expectCorrupt(*makeZstdInflater(), whole.substr(0, size));
}

TEST(Zstd, RefusesTrailingGarbage) {
  expectCorrupt(*makeZstdInflater(), zstd("data") + "garbage");
}

TEST(Zstd, RefusesFormatsFromBeforeTheStandardHoweverTheyAreCut) {
  const std::string old = fromBase({0x26, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0});
  for (const size_t piece : {1u, 100u})
    EXPECT_THROW(inflateAll(*makeZstdInflater(), old, piece, 100), sys::Error);
  expectCorrupt(*makeZstdInflater(), zstd("data") + old);
}

TEST(Zstd, JudgesACorruptFrameAlikeHoweverItIsCut) {
  // A compressed block without content (RFC 8878, 3.1.1.2.3 wants some): libzstd 1.5.4 refuses it in a frame
  // that is there as a whole, and takes it for the frame's end in one that comes in pieces.
  const std::string frame("\x28\xb5\x2f\xfd\x50\x00\x21\xcb\x05\x00\x00", 11);
  auto isRefused = [&](size_t piece) {
    try {
      inflateAll(*makeZstdInflater(), frame, piece, 1 << 16);
      return false;
    } catch (const sys::Error&) {
      return true;
    }
  };
  for (size_t piece = 2; piece <= frame.size(); ++piece) EXPECT_EQ(isRefused(piece), isRefused(1)) << piece;
}

TEST(Zstd, RefusesAWindowPastTheLimit) {
  EXPECT_EQ(inflateAll(*makeZstdInflater(), zstdFrame("x", (maxZstdWindowLog - 10) << 3), 100, 100), "x");
  expectCorrupt(*makeZstdInflater(), zstdFrame("x", (maxZstdWindowLog + 1 - 10) << 3));
}

TEST(Stored, PassesBytesThrough) {
  const std::string data = text(10'000);
  EXPECT_EQ(inflateAll(*makeStoredInflater(), data, 333, 100), data);
}

}  // namespace
}  // namespace strake::compress
