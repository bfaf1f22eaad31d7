// Which network namespace something happens in. A socket belongs for ever to the namespace that its maker was
// in, so that whoever is in one opens his sockets in others and stays where he is.
#pragma once
#include <sys/types.h>

#include <functional>
#include <string>

#include "sys/unique_fd.h"

namespace strake::net {

/// The namespace file at `path` (/run/netns/x, /proc/PID/ns/net). Throws SysError.
sys::UniqueFd openNetns(const std::string& path);

/// Whether it is the calling thread's.
bool isOwnNetns(int netns);

/// Runs `body` with the calling thread in that namespace, and returns when it is back in its own. Below 0:
/// runs it as it is. Only for a thread whose namespace is nobody else's concern: setns(2) moves one thread.
/// Needs CAP_SYS_ADMIN. A thread that cannot go back must not go on: the process ends.
void inNetns(int netns, const std::function<void()>& body);

/// socket(2) in that namespace, close-on-exec.
sys::UniqueFd socketIn(int netns, int family, int type, int protocol = 0);

}  // namespace strake::net
