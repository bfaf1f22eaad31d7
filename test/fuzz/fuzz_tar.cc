// Whatever the tar reader is given, it answers entries or an Error, and never more data than there are.
#include <cstdlib>

#include "fuzz_source.h"
#include "layer/tar_reader.h"
#include "sys/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strake;
  if (size < 2) return 0;
  fuzz::Source source(data, size);
  layer::TarReader reader(source);
  uint64_t total = 0;
  try {
    while (const auto entry = reader.next()) {
      uint64_t end = 0;
      for (const layer::Extent& extent : entry->extents) {
        if (extent.offset < end || extent.offset + extent.size > entry->size) std::abort();
        end = extent.offset + extent.size;
      }
      if (data[0] & 2) continue;  // leave the data to be skipped
      for (auto piece = reader.data(); !piece.empty(); piece = reader.data()) total += piece.size();
      if (total > size) std::abort();
    }
    reader.drain();
  } catch (const sys::Error& error) {
    if (error.code() != "ERR_LAYER_CORRUPT") std::abort();
  }
  return 0;
}
