// compile() of seccomp.h for a given machine, so that every architecture is tested on any.
#pragma once
#include "seccomp/seccomp.h"
#include "seccomp/syscalls.h"

namespace strake::seccomp {

Filter compileFor(const Profile& profile, Arch native);

}  // namespace strake::seccomp
