// The parts of the spec's parser, each in a file of its own: process (spec_process.cc), linux
// (spec_linux.cc), resources (spec_resources.cc), seccomp (spec_seccomp.cc). For spec.cc only.
#pragma once
#include "runtime/json_reader.h"
#include "runtime/spec.h"

namespace strake::runtime {

Process parseProcessObject(const JsonReader& json);
Linux parseLinux(const JsonReader& json);
cgroup::Resources parseResources(const JsonReader& json);
seccomp::Profile parseSeccomp(const JsonReader& json);

/// Mappings that do not overlap and do not wrap around 2^32.
std::vector<IdMap> parseIdMaps(const JsonReader& json);

}  // namespace strake::runtime
