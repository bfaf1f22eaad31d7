#include "layer/error.h"

#include <cstdio>

namespace strake::layer {

namespace {

constexpr size_t maxShown = 200;

void appendEscaped(std::string& text, unsigned char byte) {
  if (byte >= 0x20 && byte != 0x7f && byte != '"' && byte != '\\') {
    text.push_back(static_cast<char>(byte));
    return;
  }
  char escape[5];
  std::snprintf(escape, sizeof escape, "\\x%02x", byte);
  text.append(escape);
}

}  // namespace

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char byte : name.substr(0, maxShown)) appendEscaped(text, static_cast<unsigned char>(byte));
  return text.append(name.size() > maxShown ? "\"…" : "\"");
}

}  // namespace strake::layer
