// The command line as runc takes it: flags by one dash or two, their value after "=" or as the next word.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

namespace strake::oci_runtime {

/// One flag: every name that it has, the first of which options are asked for by.
struct Flag {
  std::vector<const char*> names;
  bool takesValue = false;
};

class Options {
 public:
  /// Takes flags and operands off `words`. `operandsEnd`: the first operands after which everything is an
  /// operand (0: flags may stand anywhere). Throws sys::Error ERR_INVALID_ARGUMENT for an unknown flag.
  Options(std::span<char* const> words, const std::vector<Flag>& flags, size_t operandsEnd);

  bool has(const std::string& name) const { return values_.contains(name); }
  /// The last one given, or `fallback`.
  std::string value(const std::string& name, const std::string& fallback = "") const;
  std::vector<std::string> values(const std::string& name) const;
  /// True when given, and not as "=false".
  bool enabled(const std::string& name) const;
  /// Throws when there is no such operand; `name` is for the error.
  const std::string& operand(size_t index, const char* name) const;
  const std::vector<std::string>& operands() const { return operands_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> operands_;
};

}  // namespace strake::oci_runtime
