// The two kinds of failure that native code throws. SysError is a system call that failed: errno, the call
// and the path or object it was made on. Error is everything else, with a stable code from lib/errors' table.
#pragma once
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace strake::sys {

/// A failed system call. `what()` reads "<call> <path>: <strerror>".
class SysError : public std::runtime_error {
 public:
  SysError(int error, std::string_view call, std::string_view path = {})
      : std::runtime_error(describe(error, call, path)), error_(error), call_(call), path_(path) {}

  int error() const noexcept { return error_; }
  const std::string& call() const noexcept { return call_; }
  const std::string& path() const noexcept { return path_; }

 private:
  static std::string describe(int error, std::string_view call, std::string_view path) {
    std::string text(call);
    if (!path.empty()) text.append(" ").append(path);
    return text.append(": ").append(std::strerror(error));
  }
  int error_;
  std::string call_;
  std::string path_;
};

/// A failure that is no system call's: `code` is one of lib/errors' table ("ERR_LAYER_DIGEST_MISMATCH").
class Error : public std::runtime_error {
 public:
  Error(std::string_view code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const std::string& code() const noexcept { return code_; }

 private:
  std::string code_;
};

/// Throws SysError with the current errno.
[[noreturn]] inline void throwErrno(std::string_view call, std::string_view path = {}) {
  throw SysError(errno, call, path);
}

/// Returns `result`, or throws SysError with errno when it is negative.
template <typename T>
T check(T result, std::string_view call, std::string_view path = {}) {
  if (result < 0) throwErrno(call, path);
  return result;
}

}  // namespace strake::sys
