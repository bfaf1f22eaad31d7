// What v1 and v2 do alike to a group's directory: list the processes of it and of its children, remove it.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace strake::cgroup {

/// Calls `visit` for the directory and every child group, parents first. Absent is nothing.
void forEachGroup(const std::string& directory, const std::function<void(const std::string&)>& visit);

/// Pids in the group and its children, in this process's pid namespace.
std::vector<int> processesBelow(const std::string& directory);

/// mkdir with its parents; a leftover of a dead container (no processes, no living child) is replaced.
/// `madeParent` is told of each parent directory that had to be made. Throws ERR_CGROUP_FAILED when the group
/// is in use.
void makeGroup(const std::string& base, const std::string& path,
               const std::function<void(const std::string&)>& madeParent);

/// rmdir, child groups first; waits until `deadline` for processes that are still dying. Returns 0 or an
/// errno.
int removeGroup(const std::string& directory, std::chrono::steady_clock::time_point deadline) noexcept;

/// Calls `done` with growing pauses (50 µs to 5 ms) until it is true; false when `limit` has passed.
bool waitUntil(std::chrono::milliseconds limit, const std::function<bool()>& done);

/// "strake/ID" from "/strake/ID/"; throws ERR_CGROUP_FAILED for an empty path or one with "." or ".." in it.
std::string checkedPath(const std::string& path);

}  // namespace strake::cgroup
