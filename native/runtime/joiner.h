// A child inside a namespace that its parent cannot enter and come back from.
#pragma once
#include <functional>
#include <utility>

#include "runtime/namespaces.h"
#include "runtime/sync_socket.h"

namespace strake::runtime {

/// Namespaces that a joined user namespace shall own can only be made from inside of it, and a pid namespace
/// of its can, without privilege outside, only be entered from there. The caller cannot go there and come
/// back: another child does (`join`, which throws), whose own child becomes the caller's (CLONE_PARENT), with
/// the new `namespaces` and in the v2 cgroup `cgroupFd`. Returns twice, as cloneChild() does. `sockets`: the
/// caller's end and the child's. Throws SysError and LaunchError.
Child cloneThroughJoiner(const std::function<void()>& join, uint64_t namespaces, int cgroupFd,
                         std::pair<const SyncSocket&, const SyncSocket&> sockets);

}  // namespace strake::runtime
