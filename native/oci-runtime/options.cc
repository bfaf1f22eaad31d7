#include "oci-runtime/options.h"

#include <cstring>

#include "sys/error.h"

namespace strake::oci_runtime {
namespace {

[[noreturn]] void fail(const std::string& why) {
  throw sys::Error("ERR_INVALID_ARGUMENT", why);
}

std::string dashed(const char* name) {
  return (std::strlen(name) == 1 ? "-" : "--") + std::string(name);
}

std::string listOf(const std::vector<Flag>& flags) {
  std::string text = "flags:\n";
  for (const Flag& flag : flags) {
    std::string names;
    for (const char* name : flag.names) names += (names.empty() ? "" : ", ") + dashed(name);
    text += "  " + names + (flag.takesValue ? " VALUE" : "") + "\n";
  }
  return flags.empty() ? "no flags\n" : text;
}

const Flag& find(const std::vector<Flag>& flags, const std::string& name) {
  for (const Flag& flag : flags)
    for (const char* known : flag.names)
      if (name == known) return flag;
  if (name == "help" || name == "h") throw HelpWanted{listOf(flags)};
  fail("flag provided but not defined: -" + name);
}

void checkBoolean(const Flag& flag, const std::string& value) {
  if (!flag.takesValue && value != "true" && value != "false")
    fail("invalid value \"" + value + "\" for " + dashed(flag.names[0]) + ": true or false");
}

void checkNumber(const std::vector<std::string>& operands, Operands allowed) {
  if (operands.size() < allowed.least) fail("the container id is missing");
  if (operands.size() > allowed.most) fail("unexpected argument \"" + operands[allowed.most] + "\"");
}

}  // namespace

Options::Options(std::span<char* const> words, const std::vector<Flag>& flags, Operands allowed) {
  bool flagsEnded = false;
  for (size_t n = 0; n < words.size(); ++n) {
    const std::string word = words[n];
    if (!flagsEnded && word == "--") {
      flagsEnded = true;
      continue;
    }
    if (flagsEnded || word.size() < 2 || word[0] != '-') {
      operands_.push_back(word);
      if (operands_.size() != allowed.flagsUntil || flagsEnded) continue;
      flagsEnded = true;
      if (n + 1 < words.size() && std::strcmp(words[n + 1], "--") == 0) ++n;
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
    checkBoolean(flag, list.back());
  }
  checkNumber(operands_, allowed);
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

}  // namespace strake::oci_runtime
