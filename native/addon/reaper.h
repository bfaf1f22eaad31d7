// Reaps the monitors that this process started. One thread for all of them, which sleeps on their pidfds: no
// SIGCHLD handler (that is libuv's), no thread of libuv's pool.
#pragma once
#include <sys/types.h>

namespace strake::addon {

/// The child `pid` becomes no zombie: it is waited for as soon as it ends. Its status is of no interest.
void reapWhenEnded(pid_t pid);

}  // namespace strake::addon
