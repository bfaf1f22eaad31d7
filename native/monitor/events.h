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
  /// Another thing that what happens to the container happens to as well.
  struct Companion {
    std::string id;
    Attributes attributes;
  };

  std::string directory;  // of the journal; "": nothing is told
  std::string id;         // of the container
  Attributes attributes = {};
  std::vector<Companion> volumes = {};   // that the container has mounted
  std::vector<Companion> networks = {};  // that it is on
};

/// Appends `{"time","type":"container","action","id","attributes"}`, `more` among the attributes. What cannot
/// be written is lost: nothing may fail for it.
void emit(const EventSource& source, std::string_view action,
          const EventSource::Attributes& more = {}) noexcept;

/// `action` ("mount", "unmount") of each of its volumes, as events of type "volume". Likewise.
void emitVolumes(const EventSource& source, std::string_view action) noexcept;

/// `action` ("connect", "disconnect") of each of its networks, as events of type "network". Likewise.
void emitNetworks(const EventSource& source, std::string_view action) noexcept;

}  // namespace strake::monitor
