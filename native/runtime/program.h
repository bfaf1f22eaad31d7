// Finding and executing a program inside the container, with a shell's distinctions: not found (127), found
// and not executable (126), and why.
#pragma once
#include <string>
#include <vector>

namespace strake::runtime {

/// The path of `name`: itself when it has a slash, else the first executable file in the PATH of
/// `environment`. Throws ERR_EXEC_NOT_FOUND, ERR_EXEC_PERMISSION.
std::string findProgram(const std::string& name, const std::vector<std::string>& environment);

/// execve(2). Throws on failure: ERR_EXEC_NOT_FOUND (also for a missing interpreter), ERR_EXEC_PERMISSION,
/// ERR_EXEC_FORMAT (with the machine that the program was built for).
[[noreturn]] void execute(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment);

/// The value of NAME in an environment, or null.
const char* environmentValue(const std::vector<std::string>& environment, const std::string& name);

}  // namespace strake::runtime
