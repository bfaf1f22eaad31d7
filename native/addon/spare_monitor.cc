#include "addon/spare_monitor.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <map>
#include <mutex>
#include <utility>

namespace strake::addon {

namespace {

/// The process is renamed to its command, "run DIRECTORY", where it was started with as many bytes.
const std::string roomForCommand(512, ' ');

struct Spares {
  std::mutex mutex;
  std::map<std::string, unsigned> starts;
  std::map<std::string, Spawned> waiting;
};

/// Never destroyed: a thread may still start one when the process exits.
Spares& spares() {
  static auto* all = new Spares;
  return *all;
}

/// What `strake-monitor wait` reads (native/protocol/task.md).
std::string commandOf(const std::vector<std::string>& arguments,
                      const std::vector<std::string>& environment) {
  std::string words;
  for (const auto* list : {&arguments, &environment}) {
    for (const std::string& word : *list) words.append(word).push_back('\0');
  }
  const uint32_t size = ::htonl(static_cast<uint32_t>(words.size()));
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + words;
}

bool hungUp(int socket) {
  char byte;
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool tell(int socket, const std::string& command) {
  if (hungUp(socket)) return false;
  return ::send(socket, command.data(), command.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(command.size());
}

std::optional<Spawned> takeWaiting(const std::string& program) {
  const std::lock_guard guard(spares().mutex);
  auto node = spares().waiting.extract(program);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

bool isWanted(const std::string& program) {
  const std::lock_guard guard(spares().mutex);
  return ++spares().starts[program] > 1 && !spares().waiting.contains(program);
}

}  // namespace

std::optional<Spawned> takeSpare(const std::string& program, const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment) {
  std::optional<Spawned> spare = takeWaiting(program);
  if (!spare || !tell(spare->socket.get(), commandOf(arguments, environment))) return std::nullopt;
  return spare;
}

void keepSpare(const std::string& program) noexcept {
  try {
    if (!isWanted(program)) return;
    Spawned spare = spawnDetached(program, {"wait", roomForCommand}, {});
    const std::lock_guard guard(spares().mutex);
    spares().waiting.try_emplace(program, std::move(spare));
  } catch (const std::exception&) {
    // The next start reports why, when it fails too.
  }
}

}  // namespace strake::addon
