// What another process has mounted, seen from its mount namespace.
#pragma once
#include <functional>
#include <optional>
#include <utility>

#include "sys/unique_fd.h"

namespace strake::sys {

/// Runs `body` in the mount namespace of the process that `pidfd` has open (setns(2) by pidfd, Linux 5.8),
/// "/" being its root, in a child that shares the caller's memory and descriptors (sys/user_namespace.h) and
/// that the processes there cannot inspect. `userns`: the user namespace that owns it, where the caller has
/// no rights of its own; -1: none. Throws what `body` throws, and SysError.
void inMountNamespaceOf(int pidfd, int userns, const std::function<void()>& body);

/// The same for what answers something.
template <typename Work>
auto inMountNamespaceOf(int pidfd, int userns, Work&& work)
    -> decltype(work()) requires(!std::is_void_v<decltype(work())>) {
  std::optional<decltype(work())> result;
  inMountNamespaceOf(pidfd, userns, std::function<void()>([&] { result.emplace(work()); }));
  return std::move(*result);
}

}  // namespace strake::sys
