#include "compress/inflater.h"

namespace strake::compress {

std::unique_ptr<Inflater> makeInflater(Compression compression) {
  if (compression == Compression::none) return makeStoredInflater();
  if (compression == Compression::zstd) return makeZstdInflater();
  auto isal = makeIsalInflater();
  return isal ? std::move(isal) : makeZlibInflater();
}

}  // namespace strake::compress
