// Feeds an inflater in pieces whose sizes the input itself says.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "compress/inflater.h"
#include "sys/error.h"

namespace strake::fuzz {

/// What came of it: the data, or nothing when it was refused. Output past 4 MiB is not kept.
struct Inflated {
  bool ok = false;
  std::string data;
};

inline Inflated inflate(compress::Inflater& inflater, std::span<const uint8_t> input, size_t piece,
                        size_t room) {
  constexpr size_t kept = 4 << 20;
  Inflated result;
  std::vector<uint8_t> output(room);
  try {
    while (!input.empty()) {
      auto chunk = input.first(std::min(piece, input.size()));
      input = input.subspan(chunk.size());
      for (;;) {
        const compress::Progress step = inflater.inflate(chunk, output);
        if (step.consumed > chunk.size() || step.produced > output.size()) std::abort();
        if (result.data.size() < kept) result.data.append(output.begin(), output.begin() + step.produced);
        chunk = chunk.subspan(step.consumed);
        if (step.produced < output.size()) break;
      }
      if (!chunk.empty()) std::abort();
    }
    inflater.finish();
    result.ok = true;
  } catch (const sys::Error& error) {
    if (error.code() != "ERR_LAYER_CORRUPT") std::abort();
  }
  return result;
}

}  // namespace strake::fuzz
