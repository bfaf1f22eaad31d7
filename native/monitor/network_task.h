// The "network" of a task (native/protocol/task.md): on which networks a container is, what is published of
// it, and who answers its questions for names.
#pragma once
#include <rapidjson/document.h>

#include <optional>
#include <string>
#include <vector>

#include "net/network.h"

namespace strake::monitor {

/// Ports of this host that are to lead to one of the container: one of a range, or (0) any that is free.
struct PortRequest {
  uint8_t protocol = 6;  // IPPROTO_TCP, IPPROTO_UDP
  std::string host;      // an address; "": all of the host's, of both families
  uint16_t first = 0, last = 0;
  uint16_t containerPort = 0;
  bool operator==(const PortRequest&) const = default;
};

/// Where outside names are asked for.
struct Resolver {
  net::Ip address;
  bool fromContainer = false;  // else from the monitor's own network namespace, the host's
};

struct NetworkTask {
  std::string netns;     // of the networks; "": the monitor's own
  std::string networks;  // RUN/networks
  std::string name;      // the container's
  std::vector<net::Endpoint> endpoints;
  std::vector<PortRequest> ports;
  std::optional<std::vector<Resolver>> resolvers;  // absent: there is no name server
  /// Of an ordinary user: pasta(1) or slirp4netns(1), by its path, with its arguments; "{}" in them stands
  /// for the path of the network namespace. There are no endpoints then, but `user` where one is recorded.
  std::vector<std::string> program;
  std::string record;  // the directory of that record
};

/// `container`: its id. Throws sys::Error ERR_SPEC_INVALID, ERR_INVALID_ARGUMENT.
NetworkTask parseNetworkTask(const rapidjson::Value& value, const std::string& container);

}  // namespace strake::monitor
