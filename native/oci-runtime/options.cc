#include "oci-runtime/options.h"

#include "sys/error.h"

namespace strake::oci_runtime {
namespace {

[[noreturn]] void fail(const std::string& why) {
  throw sys::Error("ERR_INVALID_ARGUMENT", why);
}

const Flag& find(const std::vector<Flag>& flags, const std::string& name) {
  for (const Flag& flag : flags)
    for (const char* known : flag.names)
      if (name == known) return flag;
  fail("flag provided but not defined: -" + name);
}

}  // namespace

Options::Options(std::span<char* const> words, const std::vector<Flag>& flags, size_t operandsEnd) {
  for (size_t n = 0; n < words.size(); ++n) {
    const std::string word = words[n];
    const bool flagsEnded = operandsEnd != 0 && operands_.size() >= operandsEnd;
    if (!flagsEnded && word == "--") {
      operands_.insert(operands_.end(), words.begin() + static_cast<ptrdiff_t>(n) + 1, words.end());
      return;
    }
    if (flagsEnded || word.size() < 2 || word[0] != '-') {
      operands_.push_back(word);
      continue;
    }
    const size_t start = word[1] == '-' ? 2 : 1, equals = word.find('=');
    const Flag& flag = find(flags, word.substr(start, equals - start));
    std::vector<std::string>& list = values_[flag.names[0]];
    if (equals != std::string::npos)
      list.push_back(word.substr(equals + 1));
    else if (!flag.takesValue)
      list.push_back("true");
    else if (n + 1 < words.size())
      list.emplace_back(words[++n]);
    else
      fail("flag needs an argument: -" + word.substr(start));
  }
}

std::string Options::value(const std::string& name, const std::string& fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second.back();
}

std::vector<std::string> Options::values(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

bool Options::enabled(const std::string& name) const {
  return value(name, "false") != "false";
}

const std::string& Options::operand(size_t index, const char* name) const {
  if (index >= operands_.size()) fail(std::string(name) + " is missing");
  return operands_[index];
}

}  // namespace strake::oci_runtime
