// PAX records: parsed or refused, and what was parsed can be asked.
#include <cstdlib>
#include <string>

#include "layer/pax.h"
#include "sys/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strake;
  try {
    layer::PaxRecords records;
    records.parse({reinterpret_cast<const char*>(data), size});
    layer::PaxRecords copy;
    copy.merge(records);
    if (copy.size() > 4 * size + 64) std::abort();
    for (const char* key : {"mtime", "atime"}) {
      if (const auto time = copy.time(key); time && (time->tv_nsec < 0 || time->tv_nsec > 999'999'999))
        std::abort();
    }
    copy.number("size");
    copy.xattrs();
  } catch (const sys::Error& error) {
    if (error.code() != "ERR_LAYER_CORRUPT") std::abort();
  }
  return 0;
}
