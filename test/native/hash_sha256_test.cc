#include "hash/sha256.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "hash/sha256_blocks.h"

namespace strake::hash {
namespace {

std::string hexOf(std::string_view data) {
  return toHex(sha256(data));
}

// FIPS 180-4 examples and NIST CAVP.
TEST(Sha256, KnownVectors) {
  EXPECT_EQ(hexOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hexOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hexOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hexOf(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

std::string randomBytes(std::mt19937& random, size_t size) {
  std::string data(size, '\0');
  for (char& byte : data) byte = static_cast<char>(random());
  return data;
}

std::string sha256sum(const std::string& data) {
  char name[] = "/tmp/strake-sha256-XXXXXX";
  const int fd = mkstemp(name);
  EXPECT_EQ(write(fd, data.data(), data.size()), static_cast<ssize_t>(data.size()));
  close(fd);
  FILE* pipe = popen((std::string("sha256sum ") + name).c_str(), "r");
  char line[65] = {};
  EXPECT_NE(fgets(line, sizeof line, pipe), nullptr);
  pclose(pipe);
  unlink(name);
  return line;
}

TEST(Sha256, AgreesWithSha256sumOnRandomInput) {
  std::mt19937 random(1);
  for (const size_t size : {1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 1000, 65536, 1000003}) {
    const std::string data = randomBytes(random, size);
    EXPECT_EQ(hexOf(data), sha256sum(data)) << size << " bytes";
  }
}

TEST(Sha256, ImplementationsAgree) {
  std::mt19937 random(2);
  const std::string data = randomBytes(random, 64 * 37);
  for (const Sha256Implementation& implementation : sha256Implementations()) {
    uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint32_t portable[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    implementation.blocks(state, reinterpret_cast<const uint8_t*>(data.data()), 37);
    sha256BlocksPortable(portable, reinterpret_cast<const uint8_t*>(data.data()), 37);
    EXPECT_EQ(std::vector<uint32_t>(state, state + 8), std::vector<uint32_t>(portable, portable + 8))
        << implementation.name;
  }
}

TEST(Sha256, IsTheSameInPieces) {
  std::mt19937 random(3);
  const std::string data = randomBytes(random, 100'000);
  Sha256 hash;
  for (size_t at = 0; at < data.size();) {
    const size_t piece = std::min<size_t>(random() % 300, data.size() - at);
    hash.update(std::string_view(data).substr(at, piece));
    at += piece;
  }
  EXPECT_EQ(toHex(hash.finish()), hexOf(data));
}

TEST(Sha256, GoesOnFromWhatWasSaved) {
  std::mt19937 random(4);
  const std::string data = randomBytes(random, 1000);
  for (const size_t cut : {0, 1, 63, 64, 65, 128, 777, 1000}) {
    Sha256 first;
    first.update(std::string_view(data).substr(0, cut));
    const std::string saved = first.save();
    Sha256 second;
    second.update("something else");
    ASSERT_TRUE(second.load({reinterpret_cast<const uint8_t*>(saved.data()), saved.size()}));
    second.update(std::string_view(data).substr(cut));
    EXPECT_EQ(toHex(second.finish()), hexOf(data)) << cut;
    EXPECT_FALSE(second.load({reinterpret_cast<const uint8_t*>(saved.data()), saved.size() - 1}));
  }
}

}  // namespace
}  // namespace strake::hash
