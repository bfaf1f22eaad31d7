#include "layer/sparse.h"

#include <algorithm>
#include <limits>

#include "layer/error.h"

namespace strake::layer {

namespace {

constexpr size_t maxExtents = 65536;
constexpr size_t maxMapBytes = 1 << 20;

[[noreturn]] void badMap(const char* why) {
  corrupt(std::string("tar: a sparse file's map ") + why);
}

uint64_t natural(int64_t value) {
  if (value < 0) badMap("holds a negative number");
  return static_cast<uint64_t>(value);
}

/// One 24-byte slot of the old format; false when the map ends there.
bool addSlot(SparseMap& map, std::string_view slot) {
  if (slot[0] == '\0' || slot[12] == '\0') return false;
  if (map.extents.size() >= maxExtents) badMap("has too many extents");
  map.extents.push_back({natural(parseTarNumber(slot.substr(0, 12), "sparse offset")),
                         natural(parseTarNumber(slot.substr(12, 12), "sparse size"))});
  return true;
}

bool addSlots(SparseMap& map, std::string_view slots) {
  for (; !slots.empty(); slots.remove_prefix(24)) {
    if (!addSlot(map, slots.substr(0, 24))) return false;
  }
  return true;
}

/// Format 1.0: decimal lines at the start of the data, padded to whole blocks.
class MapLines {
 public:
  MapLines(BlockReader& reader, uint64_t stored) : reader_(reader), stored_(stored) {}

  uint64_t number() {
    size_t end = text_.find('\n', at_);
    while (end == std::string::npos) {
      if (text_.size() + blockSize > std::min<uint64_t>(stored_, maxMapBytes))
        badMap("is cut short or too large");
      const size_t searched = text_.size();
      text_ += reader_.text(blockSize);
      end = text_.find('\n', searched);
    }
    const auto line = std::string_view(text_).substr(at_, end - at_);
    at_ = end + 1;
    return natural(parseDecimal(line, "sparse map"));
  }

  uint64_t read() const { return text_.size(); }

 private:
  BlockReader& reader_;
  uint64_t stored_;
  std::string text_;
  size_t at_ = 0;
};

void readMap10(SparseMap& map, BlockReader& reader, uint64_t stored) {
  MapLines lines(reader, stored);
  const uint64_t count = lines.number();
  if (count > maxExtents) badMap("has too many extents");
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t offset = lines.number();
    map.extents.push_back({offset, lines.number()});
  }
  map.mapBytes = lines.read();
}

void readMap01(SparseMap& map, std::string_view list) {
  std::vector<uint64_t> numbers;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    numbers.push_back(natural(parseDecimal(list.substr(0, comma), "GNU.sparse.map")));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  if (numbers.size() % 2 != 0) badMap("is incomplete");
  if (numbers.size() / 2 > maxExtents) badMap("has too many extents");
  for (size_t i = 0; i < numbers.size(); i += 2) map.extents.push_back({numbers[i], numbers[i + 1]});
}

}  // namespace

SparseMap readOldGnuMap(const TarHeader& header, BlockReader& reader) {
  SparseMap map;
  map.size = natural(parseTarNumber(header.raw(483, 12), "real size"));
  bool more = header.raw(482, 1)[0] != '\0';
  bool open = addSlots(map, header.raw(386, 4 * 24));
  while (more) {
    const Block* block = reader.block();
    if (block == nullptr) badMap("is cut short");
    if (open) open = addSlots(map, std::string_view(block->data(), 21 * 24));
    more = (*block)[504] != '\0';
  }
  return map;
}

std::optional<SparseMap> readPaxMap(const PaxRecords& records, BlockReader& reader, uint64_t stored) {
  SparseMap map;
  const auto list = records.find("GNU.sparse.map");
  const bool is10 = records.number("GNU.sparse.major") == 1 && records.number("GNU.sparse.minor") == 0;
  if (!is10 && !list && !records.number("GNU.sparse.size") && records.sparse00().empty()) return std::nullopt;
  const auto size = records.number(is10 ? "GNU.sparse.realsize" : "GNU.sparse.size");
  map.size = natural(size ? *size : -1);
  if (is10) {
    readMap10(map, reader, stored);
  } else if (list) {
    readMap01(map, *list);
  } else {
    map.extents = records.sparse00();
  }
  return map;
}

void verifySparseMap(const SparseMap& map, uint64_t stored) {
  uint64_t end = 0;
  uint64_t sum = 0;
  for (const Extent& extent : map.extents) {
    if (extent.offset < end || extent.offset > map.size || extent.size > map.size - extent.offset) {
      badMap("overlaps itself or leaves the file");
    }
    end = extent.offset + extent.size;
    sum += extent.size;
  }
  if (sum != stored) badMap("does not add up to the data stored");
}

}  // namespace strake::layer
