#include "sys/id_map.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::sys {

namespace {

/// A monitor has no PATH, and what is found through a user's own must not be trusted with more than is his.
constexpr std::array programDirectories = {"/usr/bin/", "/bin/", "/usr/local/bin/", "/run/wrappers/bin/"};
constexpr size_t mostToldBytes = 512;

std::string mapText(const std::vector<IdMap>& maps) {
  std::string text;
  for (const IdMap& map : maps)
    text += std::to_string(map.containerId) + " " + std::to_string(map.hostId) + " " +
            std::to_string(map.size) + "\n";
  return text;
}

/// 0 or an errno.
int writeOnce(const std::string& path, const std::string& text) {
  const UniqueFd file(check(::open(path.c_str(), O_WRONLY | O_CLOEXEC), "open", path));
  return ::write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
}

std::string findProgram(const std::string& name) {
  for (const char* directory : programDirectories)
    if (::access((directory + name).c_str(), X_OK) == 0) return directory + name;
  throw Error("ERR_NO_SUBORDINATE_IDS",
              name +
                  " is not installed, and without it a user has one id only: install it (Debian: apt-get "
                  "install uidmap)");
}

std::string readAll(int pipe) {
  std::string text(mostToldBytes, '\0');
  size_t size = 0;
  for (ssize_t n; size < text.size() && (n = ::read(pipe, &text[size], text.size() - size)) != 0;) {
    if (n < 0 && errno != EINTR) break;
    if (n > 0) size += static_cast<size_t>(n);
  }
  text.resize(size);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

class OutputTo {
 public:
  explicit OutputTo(int pipe) {
    posix_spawn_file_actions_init(&value_);
    posix_spawn_file_actions_adddup2(&value_, pipe, STDERR_FILENO);
  }
  OutputTo(const OutputTo&) = delete;
  OutputTo& operator=(const OutputTo&) = delete;
  ~OutputTo() { posix_spawn_file_actions_destroy(&value_); }
  const posix_spawn_file_actions_t* get() const { return &value_; }

 private:
  posix_spawn_file_actions_t value_;
};

/// Its wait status; 0 is success.
int waitFor(pid_t pid) {
  int status = -1;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

/// newuidmap PID INSIDE OUTSIDE SIZE…, or newgidmap, from its start to its end.
class Mapper {
 public:
  Mapper(const char* name, pid_t target, const std::vector<IdMap>& maps) : program_(findProgram(name)) {
    std::vector<std::string> words = {name, std::to_string(target)};
    for (const IdMap& map : maps)
      for (const uint32_t number : {map.containerId, map.hostId, map.size})
        words.push_back(std::to_string(number));
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe2");
    told_.reset(ends[0]);
    start(words, UniqueFd(ends[1]));
  }
  Mapper(const Mapper&) = delete;
  Mapper& operator=(const Mapper&) = delete;
  ~Mapper() {
    if (pid_ > 0) waitFor(pid_);
  }

  /// Throws what it said when it refused.
  void finish() {
    const std::string said = readAll(told_.get());
    if (waitFor(std::exchange(pid_, -1)) == 0) return;
    throw Error("ERR_NO_SUBORDINATE_IDS",
                program_ + " refused the ids of this user: " + said +
                    "; see the ranges in /etc/subuid and /etc/subgid, and that it is setuid root");
  }

 private:
  void start(std::vector<std::string>& words, UniqueFd telling) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char* noEnvironment[] = {nullptr};
    const int error = ::posix_spawn(&pid_, program_.c_str(), OutputTo(telling.get()).get(), nullptr,
                                    arguments.data(), noEnvironment);
    if (error != 0) throw SysError(error, "posix_spawn", program_);
  }

  std::string program_;
  UniqueFd told_;
  pid_t pid_ = -1;
};

/// Writes a map, or has it written: then the program runs on while the other map is seen to.
std::unique_ptr<Mapper> writeMap(pid_t pid, const char* file, const char* program,
                                 const std::vector<IdMap>& maps) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  const int error = writeOnce(path, mapText(maps));
  if (error != 0 && error != EPERM) throw SysError(error, "write", path);
  return error == 0 ? nullptr : std::make_unique<Mapper>(program, pid, maps);
}

bool isOwnIdAlone(const std::vector<IdMap>& maps, uint32_t own) {
  return maps.size() == 1 && maps[0].size == 1 && maps[0].hostId == own;
}

}  // namespace

void writeIdMaps(pid_t pid, const std::vector<IdMap>& uids, const std::vector<IdMap>& gids) {
  const std::unique_ptr<Mapper> uidMapper = writeMap(pid, "uid_map", "newuidmap", uids);
  // One's own group alone may be mapped without privilege once nobody inside can leave a group
  // (CVE-2014-8989).
  if (::geteuid() != 0 && isOwnIdAlone(gids, ::getegid()))
    static_cast<void>(writeOnce("/proc/" + std::to_string(pid) + "/setgroups", "deny"));
  const std::unique_ptr<Mapper> gidMapper = writeMap(pid, "gid_map", "newgidmap", gids);
  if (uidMapper) uidMapper->finish();
  if (gidMapper) gidMapper->finish();
}

bool hasSingleId() {
  std::ifstream file("/proc/self/uid_map");
  IdMap first, second;
  if (!(file >> first.containerId >> first.hostId >> first.size)) return false;
  const bool another = static_cast<bool>(file >> second.containerId);
  return first.size == 1 && !another;
}

}  // namespace strake::sys
