// What a monitor tells of its container in the journal of events (events/journal.h).
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strake::monitor {

/// task.json's and exec.json's "events".
struct EventSource {
  using Attributes = std::vector<std::pair<std::string, std::string>>;
  struct Volume {
    std::string id;
    Attributes attributes;
  };

  std::string directory;  // of the journal; "": nothing is told
  std::string id;         // of the container
  Attributes attributes = {};
  std::vector<Volume> volumes = {};  // that the container has mounted
};

/// Appends `{"time","type":"container","action","id","attributes"}`, `more` among the attributes. What cannot
/// be written is lost: nothing may fail for it.
void emit(const EventSource& source, std::string_view action,
          const EventSource::Attributes& more = {}) noexcept;

/// `action` ("mount", "unmount") of each of its volumes, as events of type "volume". Likewise.
void emitVolumes(const EventSource& source, std::string_view action) noexcept;

}  // namespace strake::monitor
