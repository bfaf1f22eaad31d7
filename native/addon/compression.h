// How JavaScript names a layer's compression.
#pragma once
#include <string>

#include "compress/inflater.h"
#include "sys/error.h"

namespace strake::addon {

/// Throws Error ERR_INVALID_ARGUMENT for a name that is none.
inline compress::Compression compressionOf(const std::string& name) {
  if (name == "gzip") return compress::Compression::gzip;
  if (name == "zstd") return compress::Compression::zstd;
  if (name == "none") return compress::Compression::none;
  throw sys::Error("ERR_INVALID_ARGUMENT", "compression is one of gzip, zstd and none, not " + name);
}

}  // namespace strake::addon
