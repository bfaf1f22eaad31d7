// The last part of a start, the same for a container's init and for an exec: from a process that stands in
// the container's root with all privileges to the payload, confined.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/console.h"
#include "runtime/launch.h"
#include "runtime/procfs.h"
#include "runtime/steps.h"
#include "runtime/sync_socket.h"
#include "runtime/users.h"

namespace strake::runtime {

/// What the child works with. References outlive it.
struct ChildContext {
  const SyncSocket& sync;
  Steps& steps;

  void warn(const std::string& code, const std::string& message) const {
    sync.send(Message::warning, {code, message});
  }
};

/// The AppArmor or SELinux label that the next exec takes: the file below /proc/self/attr, opened while /proc
/// was the host's, and what to write there. No file: nothing to write.
struct ExecLabel {
  sys::UniqueFd file;
  std::string text;
};

struct Payload {
  const Process& process;
  const UserByName& user;
  Stdio stdio;
  const std::vector<int>& preservedFds;
  const seccomp::Filter* filter = nullptr;
  bool dieWithParent = false;
  std::string init;  // the path, inside, of the program that is put before the arguments; "" for none
  std::optional<Console> console;
  ExecLabel label;
  bool keepKeyring = false;  // the caller's session keyring instead of a new one
};

/// A payload whose names are resolved: nothing of the container's files is needed after it but the program
/// itself.
struct ResolvedPayload {
  Credentials credentials;
  std::vector<std::string> environment;
  std::string program;
  std::vector<std::string> arguments;
  bool cwdIsEntered = false;
};

/// Resolves user, HOME, working directory and program. Inside the root, with all privileges.
/// Throws ERR_USER_NOT_FOUND, ERR_CWD_INVALID, ERR_EXEC_NOT_FOUND, ERR_EXEC_PERMISSION …
ResolvedPayload resolvePayload(const ChildContext& context, const Payload& payload);

/// The label of `process`, empty where it asks for none. Throws ERR_NOT_IMPLEMENTED where the kernel does not
/// enforce what it asks for.
ExecLabel openExecLabel(const Process& process, const Procfs& proc);

/// Makes 0, 1 and 2 what the payload shall have, the container's own /dev/null where the host's is asked for,
/// and gives a pipe to the user who must be able to open it again. Throws ERR_DEVICE_INVALID where output
/// shall go to a /dev/null that is not there.
void useStdio(const Payload& payload, const Credentials& credentials);

/// Confines the calling process and executes. Returns only by throwing.
[[noreturn]] void confineAndExecute(const ChildContext& context, const Payload& payload,
                                    const ResolvedPayload& resolved);

}  // namespace strake::runtime
