// Kernel parameters of the container's own namespaces, and only of those.
#pragma once
#include "runtime/procfs.h"
#include "runtime/spec.h"

namespace strake::runtime {

/// Throws ERR_SYSCTL_FAILED for a parameter that is the whole machine's, or of a namespace that the container
/// shares with the host, saying which.
void checkSysctls(const Spec& spec);

/// Writes them. The caller is in the container's namespaces.
void writeSysctls(const Spec& spec, const Procfs& proc);

}  // namespace strake::runtime
