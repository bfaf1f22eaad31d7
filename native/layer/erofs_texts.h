// Many short texts, packed: two bytes more than the text itself, each named by a number.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace strake::layer::erofs {

class Texts {
 public:
  /// At most 64 KiB - 3 of it. ERR_LAYER_TOO_LARGE past 4 GiB in all.
  uint32_t add(std::string_view text);
  std::string_view at(uint32_t id) const;
  /// Memory that they take.
  uint64_t bytes() const;

 private:
  std::vector<std::unique_ptr<char[]>> chunks_;
  uint32_t used_ = 0;
};

}  // namespace strake::layer::erofs
