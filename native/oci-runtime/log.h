// What is said when something goes wrong: an error as one line on standard error and one in the file of
// --log, which is what containerd and podman read; a warning in that file only where there is one, since at
// create and run standard error is the container's.
#pragma once
#include <string>

namespace strake::oci_runtime {

/// `format` is "text" or "json"; without a path only standard error is written.
void openLog(const std::string& path, const std::string& format);
void warn(const std::string& message);
void error(const std::string& message);

}  // namespace strake::oci_runtime
