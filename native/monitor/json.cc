#include "monitor/json.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <string.h>
#include <unistd.h>

namespace strake::monitor {

namespace {

/// An object, written member by member.
class ObjectWriter {
 public:
  ObjectWriter() { writer_.StartObject(); }
  ObjectWriter& add(const char* key, const std::string& value) {
    writer_.Key(key);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    return *this;
  }
  ObjectWriter& add(const char* key, int64_t value) {
    writer_.Key(key);
    writer_.Int64(value);
    return *this;
  }
  ObjectWriter& add(const char* key, bool value) {
    writer_.Key(key);
    writer_.Bool(value);
    return *this;
  }
  std::string end() {
    writer_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

std::string signalName(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "SIG" + std::to_string(signal);
}

void addStatus(ObjectWriter& object, const ExitStatus& status) {
  object.add("exitCode", static_cast<int64_t>(status.exitCode));
  if (status.signal != 0) object.add("signal", signalName(status.signal));
  object.add("oomKilled", status.oomKilled);
}

std::string stringMember(const rapidjson::Document& object, const char* key) {
  const auto member = object.FindMember(key);
  if (member == object.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

bool isTrue(const rapidjson::Document& object, const char* key) {
  const auto member = object.FindMember(key);
  return member != object.MemberEnd() && member->value.IsTrue();
}

}  // namespace

std::string startedJson(const State& state) {
  return ObjectWriter()
      .add("pid", static_cast<int64_t>(state.pid))
      .add("pidStart", state.pidStart)
      .add("startedAt", state.startedAt)
      .end();
}

std::string stateJson(const State& state) {
  return ObjectWriter()
      .add("monitorPid", static_cast<int64_t>(state.monitorPid))
      .add("pid", static_cast<int64_t>(state.pid))
      .add("pidStart", state.pidStart)
      .add("startedAt", state.startedAt)
      .add("cgroup", state.cgroup)
      .add("restarts", static_cast<int64_t>(state.restarts))
      .end();
}

std::string restartingJson(const State& state, const std::string& restartAt) {
  return ObjectWriter()
      .add("monitorPid", static_cast<int64_t>(state.monitorPid))
      .add("restarts", static_cast<int64_t>(state.restarts))
      .add("restartAt", restartAt)
      .end();
}

std::optional<State> parseState(const std::string& json) {
  rapidjson::Document object;
  object.Parse(json.data(), json.size());
  if (object.HasParseError() || !object.IsObject()) return std::nullopt;
  const auto pid = object.FindMember("pid");
  if (pid == object.MemberEnd() || !pid->value.IsInt()) return std::nullopt;
  State state;
  state.pid = pid->value.GetInt();
  state.pidStart = stringMember(object, "pidStart");
  state.startedAt = stringMember(object, "startedAt");
  state.cgroup = stringMember(object, "cgroup");
  return state;
}

std::string exitedJson(const ExitStatus& status) {
  ObjectWriter object;
  addStatus(object, status);
  return object.add("finishedAt", status.finishedAt).end();
}

std::string statusFileJson(const ExitStatus& status, const std::string& startedAt, unsigned restarts) {
  ObjectWriter object;
  addStatus(object, status);
  object.add("startedAt", startedAt).add("finishedAt", status.finishedAt);
  if (restarts > 0) object.add("restarts", static_cast<int64_t>(restarts));
  if (!status.error.empty()) object.add("error", status.error);
  return object.end();
}

std::string failedJson(const Failure& failure) {
  return ObjectWriter()
      .add("code", failure.code)
      .add("step", failure.step)
      .add("errno", static_cast<int64_t>(failure.error))
      .add("path", failure.path)
      .add("message", failure.message)
      .end();
}

std::string warningJson(const std::string& code, const std::string& message) {
  return ObjectWriter().add("code", code).add("message", message).end();
}

std::string traceJson(const std::string& step, int64_t at) {
  return "[\"" + step + "\"," + std::to_string(at) + "]";  // steps are names of ours: nothing to escape
}

std::optional<Attach> parseAttach(const std::string& json) {
  rapidjson::Document object;
  object.Parse(json.data(), json.size());
  if (object.HasParseError() || !object.IsObject()) return std::nullopt;
  return Attach{isTrue(object, "stdin"), isTrue(object, "stdout"), isTrue(object, "stderr")};
}

}  // namespace strake::monitor
