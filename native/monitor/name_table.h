// The names of the containers that are on the same networks, from the networks' records on disk: what comes
// and goes there is seen at the next question.
#pragma once
#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/network.h"

namespace strake::monitor {

class NameTable {
 public:
  /// The directories of the networks (RUN/networks/ID).
  void setNetworks(const std::vector<std::string>& directories);
  /// The addresses that a name has; nothing: it is no container's. In a different order each time.
  std::optional<std::vector<net::Ip>> find(const std::string& name);
  /// The names of whoever has the address: "web.front".
  std::vector<std::string> reverse(const net::Ip& address);
  /// Whether outside names may be asked for: one network is not internal.
  bool reachesOutside();

 private:
  struct Network {
    std::string directory, name = {};
    bool isInternal = true;
    timespec changedAt = {};
    bool isFresh = false;  // what was read is all there is
    std::vector<net::EndpointRecord> endpoints = {};
  };
  /// Reads what has changed since.
  void refresh(Network& network);

  std::vector<Network> networks_;
  unsigned turn_ = 0;
};

}  // namespace strake::monitor
