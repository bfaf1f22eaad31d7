#include "layer/pipeline.h"

#include <atomic>
#include <future>

#include "gzip.h"
#include "hash/sha256.h"
#include "layer_fixture.h"

namespace strake::layer::test {
namespace {

std::string digestOf(const std::string& data) {
  return "sha256:" + hash::toHex(hash::sha256(data));
}

/// 20 files of 1 MiB that hardly compress.
std::string largeTar() {
  TarBuilder tar;
  uint32_t random = 1;
  for (int i = 0; i < 20; ++i) {
    std::string data(1 << 20, '\0');
    for (char& byte : data) byte = static_cast<char>((random = random * 1664525 + 1013904223) >> 24);
    tar.file("d/" + std::to_string(i), data);
  }
  return tar.end();
}

class PipelineTest : public LayerTest {
 protected:
  PipelineOptions options(const std::string& blob, const std::string& tar) {
    return {.partial = root_ + "/partial",
            .size = blob.size(),
            .digest = digestOf(blob),
            .diffId = digestOf(tar),
            .compression = compress::Compression::gzip,
            .target = target_,
            .maxBytes = 1 << 30,
            .maxEntries = 1000};
  }

  /// Feeds as JavaScript does: waits whenever there is no room.
  static void feed(Pipeline& pipeline, const std::string& blob, size_t from, size_t chunk = 65536) {
    for (size_t at = from; at < blob.size(); at += chunk) {
      const size_t size = std::min(chunk, blob.size() - at);
      if (pipeline.offer({reinterpret_cast<const uint8_t*>(blob.data()) + at, size})) continue;
      std::promise<void> room;
      pipeline.whenRoom([&room] { room.set_value(); });
      room.get_future().wait();
      pipeline.rethrowFailure();
    }
  }

  std::string partial() const {
    std::ifstream in(root_ + "/partial", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(PipelineTest, ABlobThatStandsInAnotherFileIsReadThere) {
  const std::string tar = largeTar();
  const std::string blob = gzip(tar);
  const std::string archive = "before" + blob + "after";
  std::ofstream(root_ + "/archive", std::ios::binary) << archive;
  PipelineOptions stored = options(blob, tar);
  stored.partial = root_ + "/archive";
  stored.stored = 6;
  EXPECT_EQ(Pipeline(stored).finish().applied.entries, 20u);
  std::ifstream in(root_ + "/archive", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), archive);
}

TEST_F(PipelineTest, AStoredBlobThatIsCutOrAlteredIsRefused) {
  const std::string tar = largeTar();
  std::string altered = tar;
  altered[600] ^= 1;
  const std::pair<std::string, std::string> cases[] = {{"ERR_BLOB_SIZE_MISMATCH", tar.substr(0, 5000)},
                                                       {"ERR_BLOB_DIGEST_MISMATCH", altered}};
  for (const auto& [code, bytes] : cases) {
    std::ofstream(root_ + "/archive", std::ios::binary) << bytes;
    PipelineOptions stored = options(tar, tar);
    stored.compression = compress::Compression::none;
    stored.partial = root_ + "/archive";
    stored.stored = 0;
    try {
      Pipeline(stored).finish();
      FAIL() << code;
    } catch (const sys::Error& error) {
      EXPECT_EQ(error.code(), code);
    }
    sys::removeTree(target_);
    std::filesystem::create_directory(target_);
  }
}

TEST_F(PipelineTest, BytesBecomeFiles) {
  const std::string tar = largeTar();
  const std::string blob = gzip(tar);
  Pipeline pipeline(options(blob, tar));
  feed(pipeline, blob, 0);
  const PipelineResult result = pipeline.finish();
  EXPECT_EQ(result.applied.entries, 20u);
  EXPECT_EQ(result.tarBytes, tar.size());
  EXPECT_EQ(partial(), blob);
  EXPECT_EQ(status("d/19").st_size, 1 << 20);
}

TEST_F(PipelineTest, WhatIsAbortedAnywhereResumes) {
  const std::string tar = largeTar();
  const std::string blob = gzip(tar);
  for (int round = 1; round < 6; ++round) {
    Pipeline pipeline(options(blob, tar));
    const size_t offset = pipeline.offset();
    const std::string arrived = blob.substr(0, offset + (3 << 20));
    feed(pipeline, arrived, offset);
    ::usleep(1000 * (round - 1));
    pipeline.abort();
    EXPECT_TRUE(partial() == arrived)
        << "of " << arrived.size() << " bytes " << partial().size() << " are kept";
  }
  sys::removeTree(target_);
  std::filesystem::create_directory(target_);
  Pipeline pipeline(options(blob, tar));
  EXPECT_GT(pipeline.offset(), 0u);
  feed(pipeline, blob, pipeline.offset());
  EXPECT_EQ(pipeline.finish().applied.entries, 20u);
}

TEST_F(PipelineTest, AProcessThatIsKilledLosesAMebibyteAtMost) {
  const std::string tar = largeTar();
  PipelineOptions plain = options(tar, tar);
  plain.compression = compress::Compression::none;
  Pipeline pipeline(plain);
  for (size_t end = 1 << 20; end < tar.size(); end += 1 << 20) {
    feed(pipeline, tar.substr(0, end), end - (1 << 20));
    EXPECT_GE(std::filesystem::file_size(root_ + "/partial") + (1 << 20), end - 65536);
  }
}

TEST_F(PipelineTest, AFailureKeepsWhatHasArrived) {
  const std::string tar = TarBuilder().file("../../x").end() + largeTar();
  PipelineOptions unsafe = options(tar, tar);
  unsafe.compression = compress::Compression::none;
  Pipeline pipeline(unsafe);
  const std::string arrived = tar.substr(0, 512 << 10);
  try {
    feed(pipeline, arrived, 0);
  } catch (const sys::Error& error) {
    EXPECT_EQ(error.code(), "ERR_LAYER_UNSAFE");
  }
  pipeline.abort();
  EXPECT_TRUE(arrived.starts_with(partial()));
}

TEST_F(PipelineTest, AFailureWakesWhoWaitsForRoom) {
  const std::string tar = largeTar();
  PipelineOptions wrong = options(tar, tar);
  Pipeline pipeline(wrong);
  EXPECT_THROW(feed(pipeline, tar, 0), sys::Error);
  EXPECT_THROW(pipeline.finish(), sys::Error);
}

TEST_F(PipelineTest, FinishAndAbortMayMeet) {
  const std::string tar = largeTar();
  const std::string blob = gzip(tar);
  for (int round = 0; round < 10; ++round) {
    sys::removeTree(target_);
    std::filesystem::create_directory(target_);
    std::filesystem::remove(root_ + "/partial");
    Pipeline pipeline(options(blob, tar));
    feed(pipeline, blob, 0);
    std::thread aborter([&pipeline, round] {
      ::usleep(static_cast<useconds_t>(round * 2000));
      pipeline.abort();
    });
    try {
      EXPECT_EQ(pipeline.finish().applied.entries, 20u);
    } catch (const sys::Error& error) {
      EXPECT_EQ(error.code(), "ERR_ABORTED");
    }
    aborter.join();
  }
}

TEST_F(PipelineTest, LeavesTheProcessUmaskAlone) {
  ::umask(027);
  const std::string tar = TarBuilder().add({.path = "f", .mode = 0666}).end();
  const std::string blob = gzip(tar);
  Pipeline pipeline(options(blob, tar));
  feed(pipeline, blob, 0);
  pipeline.finish();
  EXPECT_EQ(::umask(0), 027u);
  EXPECT_EQ(status("f").st_mode & 0777, 0666u);
}

}  // namespace
}  // namespace strake::layer::test
