#include <zlib.h>
#include <zstd.h>

#include "compress/inflater.h"
#ifdef STRAKE_ISAL
#include <isa-l/strake_version.h>
#endif

namespace strake::compress {

const char* zlibVersion() {
  return ::zlibVersion();
}

const char* zstdVersion() {
  return ::ZSTD_versionString();
}

const char* isalVersion() {
#ifdef STRAKE_ISAL
  return STRAKE_ISAL_VERSION;
#else
  return "none";
#endif
}

}  // namespace strake::compress
