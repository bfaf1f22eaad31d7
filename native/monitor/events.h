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

  std::string directory;  // of the journal; "": nothing is told
  std::string id;         // of the container
  Attributes attributes = {};
};

/// Appends `{"time","type":"container","action","id","attributes"}`, `more` among the attributes. What cannot
/// be written is lost: nothing may fail for it.
void emit(const EventSource& source, std::string_view action,
          const EventSource::Attributes& more = {}) noexcept;

}  // namespace strake::monitor
