#include "monitor/network_task.h"

#include <netinet/in.h>

#include "sys/error.h"

namespace strake::monitor {

namespace {

using Value = rapidjson::Value;

const Value* find(const Value& object, const char* key) {
  const auto member = object.FindMember(key);
  return member == object.MemberEnd() || member->value.IsNull() ? nullptr : &member->value;
}

[[noreturn]] void invalid(const char* key) {
  throw sys::Error("ERR_SPEC_INVALID", std::string("the task's network has an invalid \"") + key + "\"");
}

std::string textOf(const Value& object, const char* key) {
  const Value* value = find(object, key);
  if (value == nullptr) return {};
  if (!value->IsString()) invalid(key);
  return {value->GetString(), value->GetStringLength()};
}

unsigned numberOf(const Value& object, const char* key, unsigned largest) {
  const Value* value = find(object, key);
  if (value == nullptr) return 0;
  if (!value->IsUint() || value->GetUint() > largest) invalid(key);
  return value->GetUint();
}

template <typename Each>
void forEach(const Value& object, const char* key, Each each) {
  const Value* list = find(object, key);
  if (list == nullptr) return;
  if (!list->IsArray()) invalid(key);
  for (const Value& element : list->GetArray()) each(element);
}

std::vector<std::string> textsOf(const Value& object, const char* key) {
  std::vector<std::string> texts;
  forEach(object, key, [&](const Value& element) {
    if (!element.IsString()) invalid(key);
    texts.emplace_back(element.GetString(), element.GetStringLength());
  });
  return texts;
}

net::Endpoint endpointOf(const Value& value, const std::string& container) {
  if (!value.IsObject()) invalid("endpoints");
  net::Endpoint endpoint{.network = textOf(value, "network"),
                         .container = container,
                         .interface = textOf(value, "interface"),
                         .mac = net::parseMac(textOf(value, "mac")),
                         .addresses = {},
                         .gateways = {},
                         .names = textsOf(value, "names"),
                         .leases = textsOf(value, "leases")};
  forEach(value, "addresses", [&](const Value& address) {
    if (!address.IsObject()) invalid("addresses");
    endpoint.addresses.push_back(
        {net::Ip::parse(textOf(address, "address")), numberOf(address, "prefix", 128)});
  });
  for (const std::string& gateway : textsOf(value, "gateways"))
    endpoint.gateways.push_back(net::Ip::parse(gateway));
  return endpoint;
}

PortRequest portOf(const Value& value) {
  if (!value.IsObject()) invalid("ports");
  const std::string protocol = textOf(value, "protocol");
  if (protocol != "tcp" && protocol != "udp") invalid("protocol");
  constexpr unsigned largest = 65535;
  const auto first = static_cast<uint16_t>(numberOf(value, "hostPort", largest));
  const auto last = static_cast<uint16_t>(numberOf(value, "hostPortEnd", largest));
  return {.protocol = static_cast<uint8_t>(protocol == "tcp" ? IPPROTO_TCP : IPPROTO_UDP),
          .host = textOf(value, "hostIp"),
          .first = first,
          .last = std::max(first, last),
          .containerPort = static_cast<uint16_t>(numberOf(value, "containerPort", largest))};
}

}  // namespace

NetworkTask parseNetworkTask(const Value& value, const std::string& container) {
  NetworkTask task{.netns = textOf(value, "netns"),
                   .networks = textOf(value, "networks"),
                   .name = textOf(value, "name"),
                   .endpoints = {},
                   .ports = {},
                   .resolvers = std::nullopt,
                   .program = textsOf(value, "program"),
                   .record = textOf(value, "record")};
  forEach(value, "endpoints",
          [&](const Value& endpoint) { task.endpoints.push_back(endpointOf(endpoint, container)); });
  if (!task.program.empty() && !task.program.front().starts_with("/")) invalid("program");
  forEach(value, "ports", [&](const Value& port) { task.ports.push_back(portOf(port)); });
  if (find(value, "resolvers") == nullptr) return task;
  task.resolvers.emplace();
  forEach(value, "resolvers", [&](const Value& resolver) {
    if (!resolver.IsObject()) invalid("resolvers");
    task.resolvers->push_back(
        {net::Ip::parse(textOf(resolver, "address")), textOf(resolver, "from") == "container"});
  });
  return task;
}

}  // namespace strake::monitor
