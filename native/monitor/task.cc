#include "monitor/task.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "sys/error.h"

namespace strake::monitor {

namespace {

using Value = rapidjson::Value;

[[noreturn]] void invalid(const char* field, const char* expected) {
  throw sys::Error("ERR_SPEC_INVALID", std::string("the task's \"") + field + "\" must be " + expected);
}

/// The member of that name, or null where it is absent.
const Value* find(const Value& object, const char* key) {
  const auto member = object.FindMember(key);
  return member == object.MemberEnd() || member->value.IsNull() ? nullptr : &member->value;
}

const Value* findObject(const Value& object, const char* key) {
  const Value* value = find(object, key);
  if (value != nullptr && !value->IsObject()) invalid(key, "an object");
  return value;
}

std::string text(const Value& value, const char* key) {
  if (!value.IsString()) invalid(key, "a string");
  return {value.GetString(), value.GetStringLength()};
}

std::string textOf(const Value& object, const char* key) {
  const Value* value = find(object, key);
  return value == nullptr ? std::string() : text(*value, key);
}

bool flagOf(const Value& object, const char* key) {
  const Value* value = find(object, key);
  if (value != nullptr && !value->IsBool()) invalid(key, "true or false");
  return value != nullptr && value->GetBool();
}

uint64_t numberOf(const Value& object, const char* key, uint64_t otherwise) {
  const Value* value = find(object, key);
  if (value != nullptr && !value->IsUint64()) invalid(key, "a whole number");
  return value == nullptr ? otherwise : value->GetUint64();
}

std::vector<std::string> textsOf(const Value& object, const char* key) {
  std::vector<std::string> texts;
  const Value* value = find(object, key);
  if (value != nullptr && !value->IsArray()) invalid(key, "a list of strings");
  if (value == nullptr) return texts;
  for (const Value& element : value->GetArray()) texts.push_back(text(element, key));
  return texts;
}

/// A mount that the launcher holds: `{"pid": number, "fd": number}`.
std::shared_ptr<const sys::UniqueFd> heldMount(const Value& layer) {
  const Value* held = findObject(layer, "held");
  if (held == nullptr) return nullptr;
  return sys::borrowMount(static_cast<int>(numberOf(*held, "pid", 0)),
                          static_cast<int>(numberOf(*held, "fd", 0)), textOf(layer, "index"));
}

/// `{"directory": path}` or `{"index": path, "tar": path, "held"?}`.
std::vector<sys::LayerRef> layersOf(const Value& rootfs) {
  std::vector<sys::LayerRef> layers;
  const Value* lower = find(rootfs, "lower");
  if (lower == nullptr) return layers;
  if (!lower->IsArray()) invalid("rootfs.lower", "a list of layers");
  for (const Value& layer : lower->GetArray()) {
    if (!layer.IsObject()) invalid("rootfs.lower", "a list of layers");
    layers.push_back(
        {textOf(layer, "directory"), textOf(layer, "index"), textOf(layer, "tar"), heldMount(layer)});
    if (layers.back().path().empty()) invalid("rootfs.lower", "a list of layers");
  }
  return layers;
}

runtime::Rootfs mountOf(const Value& value) {
  const std::string type = textOf(value, "type");
  if (type != "overlay" && type != "directory") invalid("rootfs.type", "overlay or directory");
  runtime::Rootfs rootfs;
  rootfs.kind = type == "overlay" ? runtime::Rootfs::Kind::overlay : runtime::Rootfs::Kind::directory;
  rootfs.directory = textOf(value, "path");
  rootfs.idmap = flagOf(value, "idmap");
  rootfs.lower = layersOf(value);
  rootfs.upper = textOf(value, "upper");
  rootfs.work = textOf(value, "work");
  rootfs.isVolatile = flagOf(value, "volatile");
  rootfs.userXattrs = flagOf(value, "userxattr");
  rootfs.hidden = textsOf(value, "hidden");
  return rootfs;
}

runtime::Rootfs rootfsOf(const Value& task) {
  const Value* value = findObject(task, "rootfs");
  if (value == nullptr) invalid("rootfs", "an object");
  return mountOf(*value);
}

std::map<std::string, runtime::Rootfs> imagesOf(const Value& task) {
  std::map<std::string, runtime::Rootfs> images;
  const Value* value = findObject(task, "images");
  if (value == nullptr) return images;
  for (const auto& member : value->GetObject()) {
    if (!member.value.IsObject()) invalid("images", "an object of mounts");
    images.emplace(text(member.name, "images"), mountOf(member.value));
  }
  return images;
}

runtime::UserByName userOf(const Value& task) {
  const Value* value = findObject(task, "user");
  if (value == nullptr) return {};
  return {.user = textOf(*value, "user"), .groups = textsOf(*value, "groups")};
}

StdinMode stdinModeOf(const Value& task) {
  const std::string mode = textOf(task, "stdin");
  if (mode.empty() || mode == "none") return StdinMode::none;
  if (mode == "open") return StdinMode::open;
  if (mode == "once") return StdinMode::once;
  invalid("stdin", "none, open or once");
}

Wiring wiringOf(const Value& task) {
  Wiring wiring{.stdinMode = stdinModeOf(task), .attach = {}, .terminal = {}};
  if (const Value* attach = findObject(task, "attach")) {
    wiring.attach = {flagOf(*attach, "stdin"), flagOf(*attach, "stdout"), flagOf(*attach, "stderr")};
  }
  if (const Value* size = findObject(task, "terminal")) {
    wiring.terminal = TerminalSize{static_cast<uint16_t>(numberOf(*size, "rows", 0)),
                                   static_cast<uint16_t>(numberOf(*size, "cols", 0))};
  }
  return wiring;
}

std::optional<JsonLog::Options> logOf(const Value& task) {
  const Value* log = findObject(task, "log");
  const std::string driver = log == nullptr ? "none" : textOf(*log, "driver");
  if (driver == "none") return std::nullopt;
  if (driver != "json-file" && driver != "local") invalid("log.driver", "json-file, local or none");
  using Format = JsonLog::Options::Format;
  return JsonLog::Options{.path = textOf(*log, "path"),
                          .maxSize = numberOf(*log, "maxSize", 0),
                          .maxFile = static_cast<unsigned>(numberOf(*log, "maxFile", 1)),
                          .format = driver == "local" ? Format::local : Format::json,
                          .compress = flagOf(*log, "compress")};
}

RestartPolicy restartOf(const Value& task) {
  const Value* value = findObject(task, "restart");
  if (value == nullptr) return {};
  const std::string policy = textOf(*value, "policy");
  RestartPolicy restart{.maximumRetries = static_cast<unsigned>(numberOf(*value, "maximumRetries", 0)),
                        .stopMarker = textOf(*value, "stopMarker")};
  using Kind = RestartPolicy::Kind;
  if (policy == "always")
    restart.kind = Kind::always;
  else if (policy == "unless-stopped")
    restart.kind = Kind::unlessStopped;
  else if (policy == "on-failure")
    restart.kind = Kind::onFailure;
  else
    invalid("restart.policy", "always, unless-stopped or on-failure");
  return restart;
}

std::chrono::milliseconds timeOf(const Value& object, const char* key) {
  return std::chrono::milliseconds(numberOf(object, key, 0));
}

std::optional<HealthCheck> healthOf(const Value& task) {
  const Value* value = findObject(task, "health");
  if (value == nullptr) return std::nullopt;
  HealthCheck check{.argv = textsOf(*value, "argv"),
                    .interval = timeOf(*value, "interval"),
                    .timeout = timeOf(*value, "timeout"),
                    .startPeriod = timeOf(*value, "startPeriod"),
                    .startInterval = timeOf(*value, "startInterval"),
                    .retries = static_cast<unsigned>(numberOf(*value, "retries", 1)),
                    .ending = {}};
  if (const Value* ending = findObject(*value, "ending"))
    check.ending = {.signal = static_cast<int>(numberOf(*ending, "signal", 15)),
                    .timeout = timeOf(*ending, "timeout")};
  return check;
}

EventSource::Attributes attributesOf(const Value& object) {
  EventSource::Attributes attributes;
  const Value* value = findObject(object, "attributes");
  if (value == nullptr) return attributes;
  for (const auto& member : value->GetObject())
    attributes.emplace_back(text(member.name, "attributes"), text(member.value, "attributes"));
  return attributes;
}

std::vector<EventSource::Companion> companionsOf(const Value& events, const char* name) {
  std::vector<EventSource::Companion> companions;
  const Value* value = find(events, name);
  if (value == nullptr) return companions;
  if (!value->IsArray()) invalid("events", "lists of objects");
  for (const Value& one : value->GetArray()) {
    if (!one.IsObject()) invalid("events", "lists of objects");
    companions.push_back({.id = textOf(one, "id"), .attributes = attributesOf(one)});
  }
  return companions;
}

EventSource eventsOf(const Value& task) {
  const Value* value = findObject(task, "events");
  if (value == nullptr) return {};
  return {.directory = textOf(*value, "directory"),
          .id = textOf(*value, "id"),
          .attributes = attributesOf(*value),
          .volumes = companionsOf(*value, "volumes"),
          .networks = companionsOf(*value, "networks")};
}

Join joinOf(const Value& value) {
  if (!value.IsObject()) invalid("joins", "a list of objects");
  const std::string kind = textOf(value, "kind");
  Join join{.kind = runtime::NamespaceKind::network,
            .runDirectory = textOf(value, "runDir"),
            .user = flagOf(value, "user")};
  if (kind == "pid")
    join.kind = runtime::NamespaceKind::pid;
  else if (kind == "ipc")
    join.kind = runtime::NamespaceKind::ipc;
  else if (kind != "network")
    invalid("joins.kind", "pid, ipc or network");
  return join;
}

std::vector<Join> joinsOf(const Value& task) {
  std::vector<Join> joins;
  const Value* value = find(task, "joins");
  if (value != nullptr && !value->IsArray()) invalid("joins", "a list of objects");
  if (value == nullptr) return joins;
  for (const Value& one : value->GetArray()) joins.push_back(joinOf(one));
  return joins;
}

std::optional<NetworkTask> networkOf(const Value& task) {
  const Value* value = findObject(task, "network");
  if (value == nullptr) return std::nullopt;
  return parseNetworkTask(*value, textOf(task, "id"));
}

rapidjson::Document parse(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) {
    throw sys::Error("ERR_SPEC_INVALID", "the task is no JSON object");
  }
  return document;
}

runtime::Process processOf(const Value& task) {
  const Value* process = findObject(task, "process");
  if (process == nullptr) invalid("process", "an OCI process object");
  rapidjson::StringBuffer buffer;
  rapidjson::Writer writer(buffer);
  process->Accept(writer);
  return runtime::parseProcess({buffer.GetString(), buffer.GetSize()});
}

}  // namespace

Task parseTask(const std::string& json) {
  const rapidjson::Document document = parse(json);
  return {.id = textOf(document, "id"),
          .rootfs = rootfsOf(document),
          .images = imagesOf(document),
          .user = userOf(document),
          .cgroup = textOf(document, "cgroup"),
          .wiring = wiringOf(document),
          .log = logOf(document),
          .statusFile = textOf(document, "statusFile"),
          .durable = flagOf(document, "durable"),
          .init = textOf(document, "init"),
          .autoRemove = textsOf(document, "autoRemove"),
          .restart = restartOf(document),
          .health = healthOf(document),
          .joins = joinsOf(document),
          .events = eventsOf(document),
          .network = networkOf(document),
          .waits = flagOf(document, "waits")};
}

ExecTask parseExecTask(const std::string& json) {
  const rapidjson::Document document = parse(json);
  return {.container = textOf(document, "container"),
          .process = processOf(document),
          .user = userOf(document),
          .wiring = wiringOf(document),
          .statusFile = textOf(document, "statusFile"),
          .events = eventsOf(document)};
}

}  // namespace strake::monitor
