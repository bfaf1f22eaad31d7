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

/// Thrown for --help: `text` lists the flags.
struct HelpWanted {
  std::string text;
};

/// How many operands a command takes.
struct Operands {
  size_t least = 0, most = 0;
  /// After how many everything is an operand, but for one "--" right behind them (0: flags stand anywhere).
  size_t flagsUntil = 0;
};
inline constexpr Operands none = {0, 0, 0};
inline constexpr Operands containerId = {1, 1, 0};
inline constexpr size_t anyNumber = ~size_t{0};

class Options {
 public:
  /// Takes flags and operands off `words`. Throws sys::Error ERR_INVALID_ARGUMENT for an unknown flag, a
  /// missing or malformed value, and too few or too many operands; HelpWanted.
  Options(std::span<char* const> words, const std::vector<Flag>& flags, Operands operands);

  bool has(const std::string& name) const { return values_.contains(name); }
  /// The last one given, or `fallback`.
  std::string value(const std::string& name, const std::string& fallback = "") const;
  std::vector<std::string> values(const std::string& name) const;
  /// True when given, and not as "=false".
  bool enabled(const std::string& name) const;
  const std::string& operand(size_t index) const { return operands_.at(index); }
  const std::vector<std::string>& operands() const { return operands_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> operands_;
};

}  // namespace strake::oci_runtime
