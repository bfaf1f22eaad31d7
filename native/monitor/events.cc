#include "monitor/events.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <exception>

#include "events/journal.h"

namespace strake::monitor {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write(Writer& writer, std::string_view key, std::string_view value) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  write(writer, value);
}

std::string objectAfterTime(const EventSource& source, std::string_view action,
                            const EventSource::Attributes& more) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  write(writer, "type", "container");
  write(writer, "action", action);
  write(writer, "id", source.id);
  writer.Key("attributes");
  writer.StartObject();
  for (const auto& [key, value] : source.attributes) write(writer, key, value);
  for (const auto& [key, value] : more) write(writer, key, value);
  writer.EndObject();
  writer.EndObject();
  buffer.Put('\n');
  return {buffer.GetString() + 1, buffer.GetSize() - 1};  // the brace comes with the time
}

}  // namespace

void emit(const EventSource& source, std::string_view action, const EventSource::Attributes& more) noexcept {
  if (source.directory.empty()) return;
  try {
    events::append(source.directory, objectAfterTime(source, action, more));
  } catch (const std::exception&) {
  }
}

}  // namespace strake::monitor
