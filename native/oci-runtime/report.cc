#include <fcntl.h>
#include <pwd.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "oci-runtime/commands.h"
#include "oci-runtime/log.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

template <typename Writer>
void member(Writer& json, const char* name, const std::string& value) {
  json.Key(name);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

/// The name of whoever owns the state directory, "#1000" without one. From /etc/passwd alone: a static
/// program has no name service.
std::string ownerOf(const Container& container) {
  struct stat info;
  if (::stat(container.directory().c_str(), &info) < 0) return "";
  const std::unique_ptr<FILE, int (*)(FILE*)> users(::fopen("/etc/passwd", "re"), ::fclose);
  while (const passwd* user = users ? ::fgetpwent(users.get()) : nullptr)
    if (user->pw_uid == info.st_uid) return user->pw_name;
  return "#" + std::to_string(info.st_uid);
}

/// runtime.md#state, and what runc adds to it.
template <typename Writer>
void writeState(Writer& json, const Container& container) {
  const std::string status = container.status();
  const Record& record = container.record();
  json.StartObject();
  member(json, "ociVersion", "1.2.0");
  member(json, "id", record.id);
  json.Key("pid");
  json.Int(status == "stopped" ? 0 : record.pid);
  member(json, "status", status);
  member(json, "bundle", record.bundle);
  member(json, "rootfs", record.rootfs);
  member(json, "created", record.created);
  json.Key("annotations");
  json.StartObject();
  if (record.begun)
    for (const auto& [name, value] : container.spec().annotations) member(json, name.c_str(), value);
  json.EndObject();
  member(json, "owner", ownerOf(container));
  json.EndObject();
}

/// Of those that still exist when they are looked at. One that cannot be read is a warning, as in runc.
template <typename Visit>
void eachContainer(const std::string& root, Visit visit) {
  for (const std::string& id : containersIn(root)) {
    try {
      visit(Container::open(root, id));
    } catch (const sys::Error& error) {
      if (error.code() != "ERR_CONTAINER_NOT_FOUND") warn("container " + id + ": " + error.what());
    }
  }
}

void printTable(const std::string& root) {
  ::printf("%-24s %-8s %-9s %-32s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
  eachContainer(root, [](const Container& container) {
    const Record& record = container.record();
    const std::string status = container.status();
    ::printf("%-24s %-8d %-9s %-32s %-31s %s\n", record.id.c_str(), status == "stopped" ? 0 : record.pid,
             status.c_str(), record.bundle.c_str(), record.created.c_str(), ownerOf(container).c_str());
  });
  ::fflush(stdout);
}

void printJsonList(const std::string& root) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  json.StartArray();
  eachContainer(root, [&](const Container& container) { writeState(json, container); });
  json.EndArray();
  print(std::string(buffer.GetString()) + "\n");
}

std::string outputOf(char* const* arguments) {
  int ends[2];
  sys::check(::pipe2(ends, O_CLOEXEC), "pipe");
  const sys::UniqueFd reader(ends[0]);
  sys::UniqueFd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw sys::SysError(error, "execute", arguments[0]);
  writer.reset();
  std::string text;
  char part[4096];
  for (ssize_t n; (n = ::read(reader.get(), part, sizeof part)) > 0;)
    text.append(part, static_cast<size_t>(n));
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0)
    throw sys::Error("ERR_INVALID_ARGUMENT", std::string(arguments[0]) + " failed: see its message above");
  return text;
}

/// The lines of ps(1) about `pids`; the header says which column is the pid.
std::string linesAbout(const std::string& output, const std::vector<int>& pids) {
  std::string kept;
  size_t column = 0;
  for (size_t start = 0, end; start < output.size(); start = end + 1) {
    end = std::min(output.find('\n', start), output.size());
    const std::string line = output.substr(start, end - start);
    std::vector<std::string> fields;
    for (size_t at = 0; (at = line.find_first_not_of(' ', at)) != std::string::npos;) {
      const size_t stop = std::min(line.find(' ', at), line.size());
      fields.push_back(line.substr(at, stop - at));
      at = stop;
    }
    if (start == 0) {
      column = static_cast<size_t>(std::find(fields.begin(), fields.end(), "PID") - fields.begin());
      if (column == fields.size()) throw sys::Error("ERR_INVALID_ARGUMENT", "ps prints no PID column");
    } else if (column >= fields.size() ||
               std::find(pids.begin(), pids.end(), std::atoi(fields[column].c_str())) == pids.end()) {
      continue;
    }
    kept += line + "\n";
  }
  return kept;
}

}  // namespace

void print(const std::string& text) {
  sys::writeAll(STDOUT_FILENO, text, "standard output");
}

int state(const Global& global, Words words) {
  const Container container = Container::open(global.root, Options(words, {}, containerId).operand(0));
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> json(buffer);
  json.SetIndent(' ', 2);
  writeState(json, container);
  print(std::string(buffer.GetString()) + "\n");
  return 0;
}

int list(const Global& global, Words words) {
  const Options options(words, {{{"format", "f"}, true}, {{"quiet", "q"}}}, none);
  const std::string format = options.value("format", "table");
  if (options.enabled("quiet"))
    eachContainer(global.root, [](const Container& container) { print(container.record().id + "\n"); });
  else if (format == "json")
    printJsonList(global.root);
  else if (format == "table")
    printTable(global.root);
  else
    throw sys::Error("ERR_INVALID_ARGUMENT", "invalid format option \"" + format + "\" (table or json)");
  return 0;
}

int ps(const Global& global, Words words) {
  const Options options(words, {{{"format", "f"}, true}}, {1, anyNumber, 1});
  const Container container = Container::open(global.root, options.operand(0));
  const std::vector<int> pids = container.processes();
  const std::string format = options.value("format", "table");
  if (format == "json") {
    std::string text;
    for (const int pid : pids) text += (text.empty() ? "" : ",") + std::to_string(pid);
    print("[" + text + "]\n");
    return 0;
  }
  if (format != "table") throw sys::Error("ERR_INVALID_ARGUMENT", "invalid format option \"" + format + "\"");
  std::vector<std::string> arguments = {"ps"};
  arguments.insert(arguments.end(), options.operands().begin() + 1, options.operands().end());
  if (arguments.size() == 1) arguments.push_back("-ef");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  print(linesAbout(outputOf(pointers.data()), pids));
  return 0;
}

}  // namespace strake::oci_runtime
