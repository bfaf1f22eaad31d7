// EROFS on disk, as far as layers use it (Linux' fs/erofs/erofs_fs.h; Documentation/filesystems/erofs.rst).
// All numbers are little-endian, and so are the machines that strake runs on.
#pragma once
#include <bit>
#include <cstdint>

namespace strake::layer::erofs {

static_assert(std::endian::native == std::endian::little);

/// A tar's own block size, so that the data of its files can be pointed at where they are.
inline constexpr unsigned blockBits = 9;
inline constexpr uint64_t blockBytes = 1 << blockBits;

inline constexpr uint64_t superblockAt = 1024;
inline constexpr uint32_t magic = 0xE0F5E1E2;
inline constexpr uint32_t incompatChunkedFile = 0x4;
inline constexpr uint32_t incompatDeviceTable = 0x8;

struct Superblock {
  uint32_t magic, checksum, featureCompat;
  uint8_t blockBits, extensionSlots;
  uint16_t rootNid;
  uint64_t inodes, epoch;
  uint32_t fixedNanoseconds, blocks, metaBlock, xattrBlock;
  uint8_t uuid[16], volumeName[16];
  uint32_t featureIncompat;
  uint16_t compression, extraDevices, deviceSlot;
  uint8_t directoryBlockBits, xattrPrefixes;
  uint32_t xattrPrefixStart;
  uint64_t packedNid;
  uint8_t xattrFilter, reserved[23];
} __attribute__((packed));
static_assert(sizeof(Superblock) == 128);

struct DeviceSlot {
  char tag[64];
  uint32_t blocks, unifiedBlock;
  uint8_t reserved[56];
};
static_assert(sizeof(DeviceSlot) == 128);

/// Where an inode's data are.
enum class Layout : uint16_t { plain = 0, inlined = 2, chunked = 4 };

struct Inode {
  /// Bit 0: this form of 64 bytes; bits 1 to 3: Layout.
  uint16_t format;
  uint16_t xattrUnits;
  uint16_t mode, reserved;
  uint64_t size;
  /// First block, device number, or chunk format.
  uint32_t data;
  uint32_t number, uid, gid;
  uint64_t mtime;
  uint32_t mtimeNanoseconds, links;
  uint8_t reserved2[16];
};
static_assert(sizeof(Inode) == 64);

/// An inode's number is its place in units of this.
inline constexpr uint64_t slotBytes = 32;

struct XattrHeader {
  uint32_t nameFilter;
  uint8_t sharedCount, reserved[7];
};
static_assert(sizeof(XattrHeader) == 12);

struct XattrEntry {
  uint8_t nameSize, prefix;
  uint16_t valueSize;
};
static_assert(sizeof(XattrEntry) == 4);

struct DirectoryEntry {
  uint64_t nid;
  uint16_t nameAt;
  uint8_t type, reserved;
} __attribute__((packed));
static_assert(sizeof(DirectoryEntry) == 12);

struct ChunkIndex {
  uint16_t blockHigh, device;
  uint32_t block;
};
static_assert(sizeof(ChunkIndex) == 8);
inline constexpr uint32_t hole = UINT32_MAX;
inline constexpr uint32_t chunkFormatIndexes = 0x20;
inline constexpr unsigned maxChunkShift = 31;

}  // namespace strake::layer::erofs
