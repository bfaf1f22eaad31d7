// The records of networks and endpoints: network.h says what is where.
#include <fcntl.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "net/network.h"
#include "sys/directory.h"
#include "sys/error.h"
#include "sys/lock.h"
#include "sys/whole_file.h"

namespace strake::net {

namespace {

using Value = rapidjson::Value;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr size_t idSize = 64;

const Value* find(const Value& object, const char* key) {
  const auto member = object.FindMember(key);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

std::string textOf(const Value& object, const char* key) {
  const Value* value = find(object, key);
  return value != nullptr && value->IsString() ? std::string(value->GetString(), value->GetStringLength())
                                               : "";
}

bool flagOf(const Value& object, const char* key, bool otherwise) {
  const Value* value = find(object, key);
  return value != nullptr && value->IsBool() ? value->GetBool() : otherwise;
}

unsigned numberOf(const Value& object, const char* key, unsigned otherwise) {
  const Value* value = find(object, key);
  return value != nullptr && value->IsUint() ? value->GetUint() : otherwise;
}

template <typename Each>
void forEach(const Value& object, const char* key, Each each) {
  const Value* list = find(object, key);
  if (list == nullptr || !list->IsArray()) return;
  for (const Value& element : list->GetArray()) each(element);
}

/// `{"address","prefix"}`
std::vector<IpPrefix> prefixesOf(const Value& object, const char* key) {
  std::vector<IpPrefix> found;
  forEach(object, key, [&](const Value& element) {
    if (element.IsObject())
      found.push_back({Ip::parse(textOf(element, "address")), numberOf(element, "prefix", 32)});
  });
  return found;
}

rapidjson::Document parse(const std::string& json, const std::string& path) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject())
    throw sys::Error("ERR_SYSTEM", path + " is no JSON object: remove the network and make it again");
  return document;
}

PortMapping portOf(const Value& value) {
  return {.protocol = static_cast<uint8_t>(numberOf(value, "protocol", 0)),
          .host = Ip::parse(textOf(value, "host")),
          .hostPort = static_cast<uint16_t>(numberOf(value, "hostPort", 0)),
          .container = Ip::parse(textOf(value, "container")),
          .containerPort = static_cast<uint16_t>(numberOf(value, "containerPort", 0))};
}

EndpointRecord recordOf(const Value& document, const std::string& id) {
  EndpointRecord record{.container = id,
                        .name = textOf(document, "name"),
                        .names = {},
                        .addresses = prefixesOf(document, "addresses"),
                        .ports = {}};
  forEach(document, "names", [&](const Value& name) {
    if (name.IsString()) record.names.emplace_back(name.GetString(), name.GetStringLength());
  });
  forEach(document, "ports", [&](const Value& port) {
    if (port.IsObject()) record.ports.push_back(portOf(port));
  });
  return record;
}

void write(Writer& json, const char* key, const std::string& value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void write(Writer& json, const char* key, unsigned value) {
  json.Key(key);
  json.Uint(value);
}

std::string macText(const std::string& mac) {
  std::array<char, 18> text{};
  const auto byte = [&](size_t n) { return static_cast<unsigned>(static_cast<unsigned char>(mac.at(n))); };
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", byte(0), byte(1), byte(2), byte(3),
                byte(4), byte(5));
  return text.data();
}

std::string endpointJson(const Endpoint& endpoint, const std::string& name,
                         const std::vector<PortMapping>& ports) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  write(json, "name", name);
  write(json, "interface", endpoint.interface);
  write(json, "mac", macText(endpoint.mac));
  json.Key("names");
  json.StartArray();
  for (const std::string& one : endpoint.names)
    json.String(one.data(), static_cast<rapidjson::SizeType>(one.size()));
  json.EndArray();
  json.Key("addresses");
  json.StartArray();
  for (const IpPrefix& address : endpoint.addresses) {
    json.StartObject();
    write(json, "address", address.address.text());
    write(json, "prefix", address.length);
    json.EndObject();
  }
  json.EndArray();
  json.Key("ports");
  json.StartArray();
  for (const PortMapping& port : ports) {
    json.StartObject();
    write(json, "protocol", unsigned{port.protocol});
    write(json, "host", port.host.text());
    write(json, "hostPort", unsigned{port.hostPort});
    write(json, "container", port.container.text());
    write(json, "containerPort", unsigned{port.containerPort});
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string endpointPath(const std::string& directory, const std::string& container) {
  return directory + "/endpoints/" + container;
}

/// Of a directory that may be gone.
std::vector<std::string> namesIn(const std::string& path) {
  sys::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return {};
  std::vector<std::string> names = sys::Directory(std::move(fd), path).names();
  std::erase_if(names, [](const std::string& name) {
    return name.size() != idSize || name.find_first_not_of("0123456789abcdef") != std::string::npos;
  });
  return names;
}

}  // namespace

Network parseNetwork(const std::string& json, const std::string& directory) {
  const rapidjson::Document document = parse(json, directory + "/network.json");
  Network network{
      .id = textOf(document, "id"),
      .name = textOf(document, "name"),
      .directory = directory,
      .driver = textOf(document, "driver") == "macvlan" ? Network::Driver::macvlan : Network::Driver::bridge,
      .rules = {.bridge = textOf(document, "bridge"),
                .gateways = prefixesOf(document, "gateways"),
                .internal = flagOf(document, "internal", false),
                .masquerade = flagOf(document, "masquerade", true),
                .interContainer = flagOf(document, "interContainer", true)},
      .isolatePorts = !flagOf(document, "interContainer", true),
      .parent = textOf(document, "parent"),
      .mode = numberOf(document, "mode", 4),
      .mtu = numberOf(document, "mtu", 1500)};
  return network;
}

Network readNetwork(const std::string& directory) {
  try {
    return parseNetwork(sys::readDocument(directory + "/network.json"), directory);
  } catch (const sys::SysError& error) {
    if (error.error() != ENOENT) throw;
    throw sys::Error("ERR_NETWORK_NOT_FOUND", "the network of " + directory + " has been removed");
  }
}

void writeEndpoint(const Endpoint& endpoint, const std::string& name, const std::vector<PortMapping>& ports) {
  sys::writeFileAtomic(endpointPath(endpoint.network, endpoint.container),
                       endpointJson(endpoint, name, ports), 0600, false);
}

void removeEndpoint(const std::string& networkDirectory, const std::string& container) {
  ::unlink(endpointPath(networkDirectory, container).c_str());
}

void releaseLeases(const Endpoint& endpoint) {
  if (endpoint.leases.empty()) return;
  const std::string networks = endpoint.network.substr(0, endpoint.network.rfind('/'));
  const sys::FileLock lock = sys::lockFile(networks + "/leases.lock", sys::LockMode::exclusive);
  for (const std::string& lease : endpoint.leases) {
    char holder[idSize + 1];
    const ssize_t size = ::readlink(lease.c_str(), holder, sizeof holder);
    if (size == static_cast<ssize_t>(idSize) && std::string_view(holder, idSize) == endpoint.container)
      ::unlink(lease.c_str());
  }
}

std::vector<EndpointRecord> readEndpoints(const std::string& networkDirectory) {
  std::vector<EndpointRecord> records;
  for (const std::string& id : namesIn(networkDirectory + "/endpoints")) {
    const std::string path = endpointPath(networkDirectory, id);
    try {
      records.push_back(recordOf(parse(sys::readDocument(path), path), id));
    } catch (const std::exception&) {
      continue;  // it has just been removed
    }
  }
  return records;
}

std::vector<PortHolder> portHolders(const std::string& networks, uint8_t protocol, uint16_t hostPort) {
  std::vector<PortHolder> holders;
  for (const std::string& id : namesIn(networks)) {
    for (const EndpointRecord& record : readEndpoints(networks + "/" + id)) {
      const bool has = std::ranges::any_of(record.ports, [&](const PortMapping& port) {
        return port.protocol == protocol && port.hostPort == hostPort;
      });
      if (has) holders.push_back({record.container, record.name});
    }
  }
  return holders;
}

namespace {

/// One whose monitor was killed may have a port that is another one's by now; the others are restored anyway.
void restorePorts(Root& root, const std::vector<PortMapping>& ports) {
  for (const PortMapping& port : ports) {
    try {
      root.firewall().publish({port});
    } catch (const sys::SysError& error) {
      if (error.error() != EEXIST && error.error() != EBUSY) throw;
    }
  }
}

}  // namespace

void restoreNetworks(Root& root, const std::string& networks) {
  for (const std::string& id : namesIn(networks)) {
    const std::string directory = networks + "/" + id;
    try {
      const Network network = readNetwork(directory);
      if (network.driver != Network::Driver::bridge) continue;
      ensureNetwork(root, network);
      for (EndpointRecord& record : readEndpoints(directory)) {
        std::erase_if(record.ports, [](const PortMapping& port) { return !isForKernel(port); });
        restorePorts(root, record.ports);
      }
    } catch (const sys::Error&) {
      continue;  // it is just being made, or removed
    }
  }
}

}  // namespace strake::net
