#include "monitor/health_status.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

#include "monitor/utf8.h"

namespace strake::monitor {

namespace {

constexpr size_t keptResults = 5;

/// What is no UTF-8 becomes U+FFFD, byte by byte.
std::string asUtf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = utf8Length(bytes);
    if (length == 0)
      text += "\xef\xbf\xbd";
    else
      text += bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write(Writer& writer, const char* key, const std::string& value) {
  writer.Key(key);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void write(Writer& writer, const ProbeResult& result) {
  writer.StartObject();
  write(writer, "start", result.start);
  write(writer, "end", result.end);
  writer.Key("exitCode");
  writer.Int(result.exitCode);
  write(writer, "output", asUtf8(result.output));
  writer.EndObject();
}

}  // namespace

bool HealthStatus::record(ProbeResult result, std::chrono::milliseconds age) {
  const bool failed = result.exitCode != 0;
  log_.push_back(std::move(result));
  if (log_.size() > keptResults) log_.pop_front();
  if (!failed) {
    failures_ = 0;
    health_ = Health::healthy;
    return false;
  }
  if (health_ == Health::starting && age < check_.startPeriod) return false;
  if (++failures_ < check_.retries) return false;
  return std::exchange(health_, Health::unhealthy) != Health::unhealthy;
}

std::chrono::milliseconds HealthStatus::pause(std::chrono::milliseconds age) const {
  return health_ == Health::starting && age < check_.startPeriod ? check_.startInterval : check_.interval;
}

const char* HealthStatus::name() const noexcept {
  static constexpr const char* names[] = {"starting", "healthy", "unhealthy"};
  return names[static_cast<size_t>(health_)];
}

std::string HealthStatus::json() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  write(writer, "status", std::string(name()));
  writer.Key("failingStreak");
  writer.Uint(failures_);
  writer.Key("log");
  writer.StartArray();
  for (const ProbeResult& result : log_) write(writer, result);
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace strake::monitor
