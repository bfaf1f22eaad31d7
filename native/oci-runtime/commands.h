// The commands, one function each; what they return is the exit status. Failures are thrown.
#pragma once
#include <span>
#include <string>

#include "oci-runtime/container.h"
#include "oci-runtime/options.h"
#include "runtime/launch.h"

namespace strake::oci_runtime {

/// The flags before the command.
struct Global {
  std::string root;
  bool rootless = false;  // an ordinary user's: what needs the host's root is left out, and that is said
};

using Words = std::span<char* const>;

int create(const Global& global, Words words);
int start(const Global& global, Words words);
int run(const Global& global, Words words);
int exec(const Global& global, Words words);
int kill(const Global& global, Words words);
int remove(const Global& global, Words words);
int pause(const Global& global, Words words);
int resume(const Global& global, Words words);
int state(const Global& global, Words words);
int list(const Global& global, Words words);
int ps(const Global& global, Words words);
int update(const Global& global, Words words);
int events(const Global& global, Words words);
int features(const Global& global, Words words);
int spec(const Global& global, Words words);

/// SIGKILL to everything in it, waited for; its cgroup and state directory; its poststop hooks, which by
/// `force` are killed after 10 s when they have no timeout of their own.
void destroy(Container& container, bool force = false);

/// To standard output, whole.
void print(const std::string& text);
/// The descriptors that a container is given, 3 and up, and the variables that tell it of them.
struct Passed {
  std::vector<int> descriptors;
  std::vector<std::string> environment;
};
/// $LISTEN_FDS sockets (sd_listen_fds(3)), when $LISTEN_PID is this process, then --preserve-fds more. Throws
/// when one is not open.
Passed passedDescriptors(const Options& options);
/// Those of --preserve-fds alone.
std::vector<int> preservedDescriptors(const Options& options);
/// Closes what the caller left open from 3 on and did not ask to be `kept`: as long as an init waits to be
/// started, and in its hooks, a directory of the host would lead out of the container (CVE-2024-21626).
void closeInherited(const std::vector<int>& kept);
/// Sends the terminal's master to the unix socket at `path`, as runc does: its name, and the descriptor.
void sendConsole(int master, const std::string& path);
void writePidFile(const std::string& path, pid_t pid);
/// Waits for a child, forwarding signals to it meanwhile; 128+n for a signal.
int waitForExit(const runtime::Launched& launched);

}  // namespace strake::oci_runtime
