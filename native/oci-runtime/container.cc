#include "oci-runtime/container.h"

#include <fcntl.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "sys/directory.h"
#include "sys/error.h"
#include "sys/process.h"
#include "sys/remove_tree.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

void makeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0711) < 0 && errno != EEXIST) sys::throwErrno("mkdir", part);
    if (slash == std::string::npos) return;
  }
}

bool isDirectory(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Record parseRecord(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.c_str(), json.size());
  const auto text = [&](const char* name) {
    const auto member = document.FindMember(name);
    return member != document.MemberEnd() && member->value.IsString() ? member->value.GetString() : "";
  };
  if (!document.IsObject()) throw sys::Error("ERR_CONTAINER_STATE", "state.json is not a JSON object");
  Record record;
  record.id = text("id"), record.bundle = text("bundle"), record.rootfs = text("rootfs");
  record.created = text("created"), record.cgroup = text("cgroup"), record.pidStart = text("pidStart");
  const auto begun = document.FindMember("begun"), pid = document.FindMember("pid");
  record.begun = !record.cgroup.empty() || (begun != document.MemberEnd() && begun->value.IsTrue());
  if (pid != document.MemberEnd() && pid->value.IsInt()) record.pid = pid->value.GetInt();
  return record;
}

std::string recordJson(const Record& record) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto member = [&](const char* name, const std::string& value) {
    json.Key(name);
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  json.StartObject();
  member("id", record.id);
  member("bundle", record.bundle);
  member("rootfs", record.rootfs);
  member("cgroup", record.cgroup);
  member("created", record.created);
  member("pidStart", record.pidStart);
  json.Key("begun");
  json.Bool(record.begun);
  json.Key("pid");
  json.Int(record.pid);
  json.EndObject();
  return buffer.GetString();
}

[[noreturn]] void throwNotFound(const std::string& id) {
  throw sys::Error("ERR_CONTAINER_NOT_FOUND", "container \"" + id + "\" does not exist");
}

}  // namespace

void checkId(const std::string& id) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '+' || c == '-' || c == '.';
  };
  if (id.empty() || id.size() > 255 || id == "." || id == ".." || !std::ranges::all_of(id, allowed))
    throw sys::Error("ERR_INVALID_ARGUMENT", "invalid container id \"" + id + "\": letters, digits and _+-.");
}

std::vector<std::string> containersIn(const std::string& root) {
  sys::UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd) sys::throwErrno("open", root);
  std::vector<std::string> ids = sys::Directory(std::move(fd), root).names();
  std::erase_if(ids, [&](const std::string& id) { return !isDirectory(root + "/" + id); });
  std::ranges::sort(ids);
  return ids;
}

Container::Container(const std::string& root, const std::string& id) : directory_(root + "/" + id) {
  record_.id = id;
}

Container Container::make(const std::string& root, const std::string& id, const std::string& bundle) {
  checkId(id);
  const std::string config = sys::readDocument(bundle + "/config.json");
  Container container(root, id);
  Record& record = container.record_;
  container.spec_ = std::make_unique<runtime::Spec>(runtime::parseSpec(config));
  record.bundle = bundle;
  const std::string& path = container.spec_->root.path;
  if (path.empty()) throw sys::Error("ERR_SPEC_INVALID", "root.path: expected a string");
  record.rootfs = path.starts_with('/') ? path : bundle + "/" + path;
  makeDirectories(root);
  if (::mkdir(container.directory_.c_str(), 0700) < 0) {
    if (errno == EEXIST)
      throw sys::Error("ERR_CONTAINER_EXISTS", "container with given ID already exists: " + id);
    sys::throwErrno("mkdir", container.directory_);
  }
  container.lock();
  sys::writeFileAtomic(container.directory_ + "/config.json", config, 0600, false);
  return container;
}

Container Container::open(const std::string& root, const std::string& id) {
  checkId(id);
  Container container(root, id);
  container.read();
  return container;
}

void Container::read() {
  try {
    record_ = parseRecord(sys::readDocument(directory_ + "/state.json"));
  } catch (const sys::SysError& error) {
    if (error.error() != ENOENT) throw;
    if (::access(directory_.c_str(), F_OK) < 0) throwNotFound(record_.id);
  }
}

const runtime::Spec& Container::spec() const {
  if (!spec_)
    spec_ =
        std::make_unique<runtime::Spec>(runtime::parseSpec(sys::readDocument(directory_ + "/config.json")));
  return *spec_;
}

bool Container::alive() const {
  return record_.pid > 0 && sys::processStartTime(record_.pid) == record_.pidStart;
}

std::string Container::status() const {
  if (record_.pid == 0) {
    const bool busy = !lock_ && !sys::tryLockFile(directory_ + "/lock", sys::LockMode::shared);
    return busy ? "creating" : "stopped";  // stopped: whoever created it was killed meanwhile
  }
  if (!alive()) return "stopped";
  if (const auto own = group(); own && own->frozen()) return "paused";
  return waitsForStart() ? "created" : "running";
}

/// start.lock is held by the init alone, until it executes the program.
bool Container::waitsForStart() const {
  const sys::UniqueFd file(::open((directory_ + "/start.lock").c_str(), O_RDONLY | O_CLOEXEC));
  return file && ::flock(file.get(), LOCK_SH | LOCK_NB) < 0;
}

std::unique_ptr<cgroup::Cgroup> Container::group() const {
  return record_.cgroup.empty() ? nullptr : cgroup::Cgroup::open(record_.cgroup);
}

std::unique_ptr<cgroup::Cgroup> Container::groupFor(const char* what) const {
  if (auto own = group()) return own;
  throw sys::Error("ERR_CGROUP_CONTROLLER_MISSING",
                   std::string(what) + ": container " + record_.id +
                       " has no cgroup; let cgroups be delegated to this user, or run it as root");
}

std::vector<int> Container::processes() const {
  if (const auto own = group()) return own->processes();
  return alive() ? std::vector<int>{record_.pid} : std::vector<int>();
}

void Container::lock() {
  try {
    lock_ = std::make_unique<sys::FileLock>(sys::lockFile(directory_ + "/lock", sys::LockMode::exclusive));
  } catch (const sys::SysError& error) {
    if (error.error() == ENOENT) throwNotFound(record_.id);
    throw;
  }
  read();
}

void Container::save() const {
  sys::writeFileAtomic(directory_ + "/state.json", recordJson(record_), 0600, false);
}

void Container::remove() {
  if (const auto own = group()) own->remove();
  sys::removeTree(directory_);
}

}  // namespace strake::oci_runtime
