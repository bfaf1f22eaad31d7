#include "runtime/seccomp_listener.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "sys/send_descriptor.h"

namespace strake::runtime {
namespace {

std::string processState(pid_t process, const HookState& state) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const std::string& metadata = state.spec.linux_.seccomp->listenerMetadata;
  std::string container = stateJson(state);
  json.StartObject();
  json.Key("ociVersion");
  json.String(state.spec.ociVersion.c_str());
  json.Key("fds");
  json.StartArray();
  json.String("seccompFd");
  json.EndArray();
  json.Key("pid");
  json.Int(process);
  json.Key("metadata");
  json.String(metadata.c_str());
  json.Key("state");
  json.RawValue(container.data(), container.size(), rapidjson::kObjectType);
  json.EndObject();
  return buffer.GetString();
}

}  // namespace

void sendToAgent(int listener, pid_t process, const HookState& container) {
  const std::string& path = container.spec.linux_.seccomp->listenerPath;
  if (path.empty()) return;
  sys::sendDescriptor(sys::connectUnix(path).get(), processState(process, container), listener, path);
}

}  // namespace strake::runtime
