// The nodes and links of a container's /dev.
#pragma once
#include "runtime/spec.h"

namespace strake::runtime {

/// Makes the default nodes (null, zero, full, random, urandom, tty), spec's own, and the links that programs
/// expect (fd, stdin, stdout, stderr, core, ptmx). Where mknod is not allowed the host's node is bound
/// instead. Nothing is done in a /dev that is a bind of somebody else's. Expects umask 0.
void makeDevices(int root, const Spec& spec);

/// Opens (O_PATH) a device of the host and checks that it is the character device major:minor.
int openHostDevice(const char* path, unsigned major, unsigned minor);

}  // namespace strake::runtime
