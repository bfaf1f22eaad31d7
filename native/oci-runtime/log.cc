#include "oci-runtime/log.h"

#include <fcntl.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

sys::UniqueFd file;
bool isJson = false;

std::string now() {
  const time_t seconds = ::time(nullptr);
  tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  ::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string jsonString(const std::string& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  return buffer.GetString();
}

std::string line(const char* level, const std::string& message) {
  if (isJson)
    return "{\"level\":\"" + std::string(level) + "\",\"msg\":" + jsonString(message) + ",\"time\":\"" +
           now() + "\"}\n";
  return "time=\"" + now() + "\" level=" + level + " msg=" + jsonString(message) + "\n";
}

/// Standard error: as `level` says in JSON where that is asked for, and no file takes it.
void say(const char* level, const std::string& message) {
  if (isJson && !file) {
    ::dprintf(STDERR_FILENO, "%s", line(level, message).c_str());
    return;
  }
  ::dprintf(STDERR_FILENO, "strake-runtime: %s\n", message.c_str());
}

/// False when nothing could be written.
bool write(const char* level, const std::string& message) {
  if (!file) return false;
  try {
    sys::writeAll(file.get(), line(level, message), "--log");
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

void openLog(const std::string& path, const std::string& format) {
  if (format != "text" && format != "json")
    throw sys::Error("ERR_INVALID_ARGUMENT", "invalid log-format: \"" + format + "\" (text or json)");
  isJson = format == "json";
  if (path.empty() || path == "/dev/stderr") return;
  file = sys::UniqueFd(
      sys::check(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), "open", path));
}

void warn(const std::string& message) {
  if (!write("warning", message)) say("warning", message);
}
void error(const std::string& message) {
  write("error", message);
  say("error", message);
}

}  // namespace strake::oci_runtime
