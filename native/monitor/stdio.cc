#include "monitor/stdio.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/error.h"

namespace strake::monitor {

namespace {

void openPipe(sys::UniqueFd& readEnd, sys::UniqueFd& writeEnd) {
  int ends[2];
  sys::check(::pipe2(ends, O_CLOEXEC), "pipe2");
  readEnd.reset(ends[0]);
  writeEnd.reset(ends[1]);
}

}  // namespace

runtime::Stdio Stdio::borrow() const {
  const auto orNull = [](const sys::UniqueFd& fd) { return fd ? fd.get() : STDIN_FILENO; };
  return {.in = orNull(in), .out = orNull(out), .err = orNull(err)};
}

void Stdio::closeTheirs() {
  in.reset();
  out.reset();
  err.reset();
}

Stdio openStdio(bool terminal, StdinMode mode) {
  Stdio stdio;
  if (terminal) return stdio;
  if (mode != StdinMode::none) openPipe(stdio.in, stdio.ours.in);
  openPipe(stdio.ours.out, stdio.out);
  openPipe(stdio.ours.err, stdio.err);
  return stdio;
}

void connect(StdioHub& hub, Stdio& stdio, runtime::Launched& launched,
             const std::optional<TerminalSize>& size) {
  stdio.closeTheirs();
  stdio.ours.terminal = std::move(launched.console);
  hub.setContainer(std::move(stdio.ours));
  if (size) hub.resizeTerminal(*size);
}

sys::UniqueFd listenIn(const std::string& directory, const char* name) {
  const sys::UniqueFd folder(
      sys::check(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", directory));
  sys::UniqueFd socket(
      sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder.get(), name);
  ::unlinkat(folder.get(), name, 0);
  sys::check(::fchmod(socket.get(), 0600), "fchmod", name);
  sys::check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind", name);
  sys::check(::listen(socket.get(), 16), "listen", name);
  return socket;
}

}  // namespace strake::monitor
