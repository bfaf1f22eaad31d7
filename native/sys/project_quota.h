// A limit for what is written below directories: project quotas (xfs, ext4 with the feature "project";
// mounted with prjquota), quotactl_fd(2) of Linux 5.14.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace strake::sys {

/// Gives the empty `directories`, which are on one file system, a project of their own, which all that is
/// made in them is part of, and limits it to `bytes` (counted in blocks). Throws ERR_STORAGE_SIZE_UNSUPPORTED
/// where the file system keeps no such quotas.
void limitSize(const std::vector<std::string>& directories, uint64_t bytes);

/// Forgets the limit of the project that `directory` is in. What is not there is no error.
void forgetLimit(const std::string& directory) noexcept;

}  // namespace strake::sys
