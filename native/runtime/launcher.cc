#include "runtime/launcher.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cstdlib>

#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::runtime {
namespace {

std::string fieldAt(const Received& received, size_t index) {
  return index < received.fields.size() ? received.fields[index] : std::string();
}

void takeTrace(const Received& received, Launched& launched) {
  for (size_t n = 0; n + 1 < received.fields.size(); n += 2)
    launched.trace.push_back({received.fields[n], std::strtoll(received.fields[n + 1].c_str(), nullptr, 10)});
}

/// Of any size, where a message is bounded.
sys::UniqueFd inMemory(std::string_view text) {
  sys::UniqueFd fd(sys::check(memfd_create("process", MFD_CLOEXEC), "memfd_create"));
  sys::pwriteAll(fd.get(), text, 0, "process");
  return fd;
}

}  // namespace

LaunchError::LaunchError(std::string code, std::string step, int error, std::string path, std::string message)
    : std::runtime_error(message),
      code_(std::move(code)),
      step_(std::move(step)),
      error_(error),
      path_(std::move(path)) {}

LaunchError toLaunchError(const Received& received) {
  return {fieldAt(received, 0), fieldAt(received, 1), std::atoi(fieldAt(received, 2).c_str()),
          fieldAt(received, 3), fieldAt(received, 4)};
}

StartingChild::~StartingChild() {
  if (child_.pid <= 0) return;
  kill(child_.pid, SIGKILL);
  while (waitpid(child_.pid, nullptr, 0) < 0 && errno == EINTR) continue;
}

void StartingChild::take(Received& received, Launched& launched) {
  switch (received.message) {
    case Message::warning:
      launched.warnings.push_back({fieldAt(received, 0), fieldAt(received, 1)});
      break;
    case Message::console:
      launched.console = std::move(received.fd);
      break;
    case Message::trace:
      takeTrace(received, launched);
      break;
    case Message::listener:
      if (launched.onListener) launched.onListener(received.fd.get());
      launched.seccompListener = std::move(received.fd);
      break;
    case Message::failed:
      throw toLaunchError(received);
    default:
      throw LaunchError("ERR_LAUNCH_FAILED", "sync", 0, "",
                        "a message out of order from the container's init");
  }
}

bool StartingChild::collect(Launched& launched, Message until) {
  while (std::optional<Received> received = sync_.receive()) {
    if (received->message == until) return true;
    take(*received, launched);
  }
  return false;
}

void StartingChild::collectToExec(Launched& launched) {
  while (std::optional<Received> received = sync_.receive()) take(*received, launched);
}

void StartingChild::releaseTo(Launched& launched) {
  launched.pid = std::exchange(child_.pid, -1);
  launched.pidfd = std::move(child_.pidfd);
  launched.sync = sync_.release();
}

void Launched::go(std::string_view process) {
  StartingChild child({pid, std::move(pidfd)}, SyncSocket(std::move(sync)));
  const sys::UniqueFd document = process.empty() ? sys::UniqueFd() : inMemory(process);
  child.sync().send(Message::go, {}, document.get());
  child.collectToExec(*this);
  child.releaseTo(*this);
  sync.reset();
}

}  // namespace strake::runtime
