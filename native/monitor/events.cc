#include "monitor/events.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <exception>
#include <initializer_list>

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

std::string objectAfterTime(std::string_view type, std::string_view action, std::string_view id,
                            std::initializer_list<const EventSource::Attributes*> attributes) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  write(writer, "type", type);
  write(writer, "action", action);
  write(writer, "id", id);
  writer.Key("attributes");
  writer.StartObject();
  for (const EventSource::Attributes* some : attributes)
    for (const auto& [key, value] : *some) write(writer, key, value);
  writer.EndObject();
  writer.EndObject();
  buffer.Put('\n');
  return {buffer.GetString() + 1, buffer.GetSize() - 1};  // the brace comes with the time
}

void append(const EventSource& source, const std::string& object) noexcept {
  try {
    events::append(source.directory, object);
  } catch (const std::exception&) {
  }
}

void emitEach(const EventSource& source, std::string_view type,
              const std::vector<EventSource::Companion>& companions, std::string_view action) noexcept {
  if (source.directory.empty()) return;
  for (const EventSource::Companion& one : companions)
    append(source, objectAfterTime(type, action, one.id, {&one.attributes}));
}

}  // namespace

void emit(const EventSource& source, std::string_view action, const EventSource::Attributes& more) noexcept {
  if (source.directory.empty()) return;
  append(source, objectAfterTime("container", action, source.id, {&source.attributes, &more}));
}

void emitVolumes(const EventSource& source, std::string_view action) noexcept {
  emitEach(source, "volume", source.volumes, action);
}

void emitNetworks(const EventSource& source, std::string_view action) noexcept {
  emitEach(source, "network", source.networks, action);
}

}  // namespace strake::monitor
