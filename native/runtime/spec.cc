#include "runtime/spec.h"

#include <rapidjson/error/en.h>

#include <array>

#include "runtime/json_reader.h"
#include "runtime/spec_parts.h"

namespace strake::runtime {
namespace {

rapidjson::Document parseDocument(std::string_view json) {
  rapidjson::Document document;
  // Iterative: a deeply nested document costs heap, not the stack.
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError())
    throw sys::Error("ERR_SPEC_INVALID", "config: not JSON at byte " +
                                             std::to_string(document.GetErrorOffset()) + ": " +
                                             rapidjson::GetParseError_En(document.GetParseError()));
  if (!document.IsObject()) throw sys::Error("ERR_SPEC_INVALID", "config: expected an object");
  return document;
}

Mount parseMount(const JsonReader& json) {
  Mount mount;
  mount.destination = json["destination"].text();
  // Specification 1.0 allowed relative destinations, meaning "from /".
  if (!mount.destination.starts_with('/')) mount.destination.insert(0, "/");
  mount.type = json["type"].textOr("");
  mount.source = json["source"].textOr("");
  mount.options = json["options"].texts();
  mount.idmap.uids = parseIdMaps(json["uidMappings"]);
  mount.idmap.gids = parseIdMaps(json["gidMappings"]);
  if (mount.idmap.uids.empty() != mount.idmap.gids.empty())
    json.fail("uidMappings and gidMappings go together");
  return mount;
}

Hook parseHook(const JsonReader& json) {
  Hook hook;
  hook.path = json["path"].text();
  if (!hook.path.starts_with('/')) json["path"].fail("must be absolute");
  hook.args = json["args"].texts();
  hook.env = json["env"].texts();
  hook.timeoutSeconds = json["timeout"].numberIfAny<int>();
  if (hook.timeoutSeconds && *hook.timeoutSeconds <= 0) json["timeout"].fail("must be greater than zero");
  return hook;
}

std::vector<Hook> parseHookList(const JsonReader& json) {
  std::vector<Hook> hooks;
  json.each([&](const JsonReader& hook) { hooks.push_back(parseHook(hook)); });
  return hooks;
}

Hooks parseHooks(const JsonReader& json) {
  return {parseHookList(json["prestart"]),        parseHookList(json["createRuntime"]),
          parseHookList(json["createContainer"]), parseHookList(json["startContainer"]),
          parseHookList(json["poststart"]),       parseHookList(json["poststop"])};
}

}  // namespace

const Namespace* Spec::find(NamespaceKind kind) const {
  for (const Namespace& ns : linux_.namespaces)
    if (ns.kind == kind) return &ns;
  return nullptr;
}

Spec parseSpec(std::string_view json) {
  rapidjson::Document document = parseDocument(json);
  JsonReader root(&document, "");
  Spec spec;
  spec.ociVersion = root["ociVersion"].text();
  if (!spec.ociVersion.starts_with("1."))
    root["ociVersion"].fail("only 1.x is known, this is " + spec.ociVersion);
  spec.root.path = root["root"]["path"].textOr("");
  spec.root.readonly = root["root"]["readonly"].booleanOr(false);
  spec.hostname = root["hostname"].textOr("");
  spec.domainname = root["domainname"].textOr("");
  root["mounts"].each([&](const JsonReader& mount) { spec.mounts.push_back(parseMount(mount)); });
  if (root["process"]) spec.process = parseProcessObject(root["process"]);
  spec.hooks = parseHooks(root["hooks"]);
  root["annotations"].members([&](const std::string& name, const JsonReader& value) {
    spec.annotations.emplace_back(name, value.text());
  });
  spec.linux_ = parseLinux(root["linux"]);
  return spec;
}

cgroup::Resources parseResources(std::string_view json) {
  rapidjson::Document document = parseDocument(json);
  return parseResources(JsonReader(&document, ""));
}

Process parseProcess(std::string_view json) {
  rapidjson::Document document = parseDocument(json);
  return parseProcessObject(JsonReader(&document, ""));
}

}  // namespace strake::runtime
