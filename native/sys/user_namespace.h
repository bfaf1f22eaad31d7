// User namespaces of other processes, for programs that have threads.
//
// A process with threads cannot enter a user namespace (setns(2): EINVAL), and nothing but a process in one
// can make, own and delete the files of its ids. asRootOf() therefore runs a function in a child that shares
// the caller's memory and descriptors, and whose creator waits for it in the kernel: for the code inside it
// is the same thread, with another identity. No other thread changes.
#pragma once
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "sys/id_map.h"
#include "sys/unique_fd.h"

namespace strake::sys {

/// A new user namespace with these maps that nobody is in; it lives as long as the descriptor. Throws
/// SysError, Error ERR_NAMESPACE_FAILED where this machine allows none, and what writeIdMaps throws.
UniqueFd makeUserNamespace(const std::vector<IdMap>& uids, const std::vector<IdMap>& gids);

/// Runs `body` as user 0 of the namespace that `userns` has open, with all capabilities there, and returns
/// when it has returned; throws what it throws. Signals are not delivered meanwhile to the calling thread.
/// The body may allocate, lock and open descriptors, and may not end its thread; when the calling process
/// ends, it is killed. Below 0 as `userns`: runs it as it is.
void asRootOf(int userns, const std::function<void()>& body);

/// What asRootOf() is made of: with a `userns` below 0, too, `body` runs in that child, which may then change
/// namespaces that are a process's own (setns(2)) without the caller's.
void inSharedChild(int userns, const std::function<void()>& body);

/// The same for what answers something.
template <typename Work>
auto asRootOf(int userns, Work&& work) -> decltype(work()) requires(!std::is_void_v<decltype(work())>) {
  std::optional<decltype(work())> result;
  asRootOf(userns, std::function<void()>([&] { result.emplace(work()); }));
  return std::move(*result);
}

}  // namespace strake::sys
