#include "runtime/payload.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/capabilities.h"
#include "runtime/limits.h"
#include "runtime/program.h"
#include "sys/error.h"
#include "sys/id_map.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

const std::string moreIds =
    "for more, give the user ranges in /etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 "
    "--add-subgids 100000-165535 USER) and install newuidmap (Debian: uidmap)";
const std::string unmapped = "does not exist in the container's user namespace; " + moreIds;

// A working directory that the caller's root does not contain has a path that does not begin with '/'
// (CVE-2024-21626: a cwd of /proc/self/fd/7 is a directory of the host).
void requireCwdInside(const std::string& cwd) {
  char path[4096];
  long length = syscall(SYS_getcwd, path, sizeof path);
  if (length < 0) sys::throwErrno("getcwd", cwd);
  if (path[0] != '/')
    throw sys::Error("ERR_CWD_INVALID", "the working directory " + cwd + " is outside the container");
}

/// False when only the user himself may enter it.
bool enterCwd(const std::string& cwd) {
  if (chdir(cwd.c_str()) < 0) {
    if (errno == EACCES) return false;
    throw sys::Error("ERR_CWD_INVALID", "chdir to \"" + cwd + "\" failed: " + std::strerror(errno));
  }
  requireCwdInside(cwd);
  return true;
}

std::vector<std::string> argumentsOf(const Payload& payload) {
  std::vector<std::string> arguments;
  if (!payload.init.empty()) arguments = {payload.init, "--"};
  arguments.insert(arguments.end(), payload.process.args.begin(), payload.process.args.end());
  return arguments;
}

void joinNewKeyring() {
  // Without a name: one of a name that somebody made before, and lets be searched, would be joined. Where the
  // kernel has no keys, or a filter around us denies them, there is nothing to keep apart.
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
}

void resetSignals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Closes every descriptor from 3 on but those of `kept`.
void closeAllBut(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  int first = 3;
  for (int fd : kept) {
    if (fd > first) sys::check(syscall(SYS_close_range, first, fd - 1, 0), "close_range");
    first = std::max(first, fd + 1);
  }
  sys::check(syscall(SYS_close_range, first, ~0U, 0), "close_range");
}

/// To mark them close-on-exec is not enough: until the exec has happened /proc/self/fd/N/.. of a directory of
/// the host leads out of the container, for the program's path and for its "#!" line (CVE-2024-21626).
void closeDescriptors(const ChildContext& context, const Payload& payload) {
  std::vector<int> kept = payload.preservedFds;
  kept.push_back(context.sync.get());
  kept.push_back(payload.label.file.get());
  closeAllBut(std::move(kept));
  for (int fd : payload.preservedFds)
    sys::check(fcntl(fd, F_SETFD, 0), "preserve descriptor", std::to_string(fd));
}

/// Where one id exists nobody may leave a group: those of the launcher stay.
void setGroups(const ChildContext& context, const std::vector<uint32_t>& groups) {
  if (syscall(SYS_setgroups, groups.size(), groups.data()) == 0) return;
  if (errno == EINVAL) throw sys::Error("ERR_NO_SUBORDINATE_IDS", "a group of the process " + unmapped);
  if (errno != EPERM || !sys::hasSingleId()) sys::throwErrno("setgroups");
  context.warn("ERR_NO_SUBORDINATE_IDS", "only user 0 and group 0 exist in this container: " + moreIds);
}

void setId(const char* kind, long call, uint32_t id) {
  if (syscall(call, id, id, id) == 0) return;
  const std::string name = std::string(kind) + " " + std::to_string(id);
  if (errno == EINVAL) throw sys::Error("ERR_NO_SUBORDINATE_IDS", name + " " + unmapped);
  sys::throwErrno("become", name);
}

void becomeUser(const ChildContext& context, const Credentials& credentials, const Process& process) {
  setGroups(context, credentials.groups);
  limitBounding(process.capabilities);
  if (credentials.uid != 0) sys::check(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl", "PR_SET_KEEPCAPS");
  setId("group", SYS_setresgid, credentials.gid);
  setId("user", SYS_setresuid, credentials.uid);
}

void dieWithParent(const SyncSocket& sync) {
  sys::check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "prctl", "PR_SET_PDEATHSIG");
  // The parent may have died before the call: then nobody holds the other end.
  if (sync.hungUp()) _exit(1);
}

void writeExecLabel(const ExecLabel& label) {
  if (!label.file) return;
  sys::check(write(label.file.get(), label.text.data(), label.text.size()), "write exec label", label.text);
}

void installFilter(const ChildContext& context, const seccomp::Filter& filter) {
  int result = seccomp::install(filter);
  if (result < 0) throw sys::SysError(-result, "seccomp");
  if (result > 0) context.sync.send(Message::listener, {}, result);
}

bool isNullDevice(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);
}

/// Empty where the container has lost it, or has something else there.
sys::UniqueFd openNullInside() {
  sys::UniqueFd root(sys::check(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  // Looked at as a path first: opening another device could have effects.
  sys::UniqueFd null = sys::tryOpenInRoot(root.get(), "/dev/null", O_PATH);
  if (isNullDevice(null.get())) null = sys::tryOpenInRoot(root.get(), "/dev/null", O_RDWR | O_NOCTTY);
  return isNullDevice(null.get()) ? std::move(null) : sys::UniqueFd();
}

/// A pipe that nobody writes to: at its end at once, as /dev/null is.
sys::UniqueFd emptyInput() {
  int ends[2];
  sys::check(pipe2(ends, O_CLOEXEC), "pipe2");
  sys::UniqueFd writing(ends[1]);
  return sys::UniqueFd(ends[0]);
}

/// The host's /dev/null is a file of the host, which the container's root could chmod through /proc/self/fd:
/// the container's own takes its place.
void useNullInside() {
  sys::UniqueFd null;
  for (int n = 0; n < 3; ++n) {
    if (!isNullDevice(n)) continue;
    if (!null) null = openNullInside();
    if (!null && n == 0) null = emptyInput();
    if (!isNullDevice(null.get()) && n != 0)
      throw sys::Error("ERR_DEVICE_INVALID",
                       "/dev/null of the container is missing or another device: make it again there "
                       "(mknod -m 666 /dev/null c 1 3)");
    sys::check(dup2(null.get(), n), "dup2", "/dev/null");
  }
}

void sendTrace(const ChildContext& context) {
  if (!context.steps.traced()) return;
  std::vector<std::string> fields;
  for (const Steps::Finished& finished : context.steps.finished()) {
    fields.push_back(stepName(finished.step));
    fields.push_back(std::to_string(finished.at));
  }
  context.sync.send(Message::trace, fields);
}

/// config.md: what cannot be granted "MUST be logged as a warning", and is no failure.
void warnOfMissingCapabilities(const ChildContext& context, const Capabilities& sets) {
  std::string list;
  for (const std::string& name : missingCapabilities(sets)) list += (list.empty() ? "" : ", ") + name;
  if (!list.empty())
    context.warn("ERR_PERMISSION", "capabilities that cannot be given here, and are left out: " + list);
}

void carryOverExec(const ChildContext& context, const Payload& payload) {
  warnOfMissingCapabilities(context, payload.process.capabilities);
  context.steps.begin(Step::rlimits);
  setLimits(context, payload.process.rlimits);
  context.steps.begin(Step::scheduling);
  setScheduling(payload.process);
  umask(payload.process.user.umask.value_or(022));
  if (!payload.keepKeyring) joinNewKeyring();
  resetSignals();
  closeDescriptors(context, payload);
}

/// Without no_new_privs a filter can only be installed by CAP_SYS_ADMIN, which therefore stays until the
/// exec.
void confine(const ChildContext& context, const Payload& payload, const ResolvedPayload& resolved) {
  const Process& process = payload.process;
  context.steps.begin(Step::labels);
  writeExecLabel(payload.label);
  context.steps.begin(Step::capabilities);
  becomeUser(context, resolved.credentials, process);
  bool needsAdmin = payload.filter && !process.noNewPrivileges;
  applyCapabilities(process.capabilities, needsAdmin ? uint64_t{1} << CAP_SYS_ADMIN : 0);
  if (!resolved.cwdIsEntered && !enterCwd(process.cwd))
    throw sys::Error("ERR_CWD_INVALID", "chdir to \"" + process.cwd + "\" failed: permission denied");
  if (payload.dieWithParent) dieWithParent(context.sync);
  if (process.noNewPrivileges)
    sys::check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl", "PR_SET_NO_NEW_PRIVS");
  context.steps.begin(Step::seccomp);
  if (payload.filter) installFilter(context, *payload.filter);
}

/// A container that runs without the confinement that was asked for is worse than none.
[[noreturn]] void refuseLabel(const Process& process) {
  const bool apparmor = !process.apparmorProfile.empty();
  throw sys::Error("ERR_NOT_IMPLEMENTED",
                   apparmor
                       ? "process.apparmorProfile: \"" + process.apparmorProfile +
                             "\" cannot be applied: AppArmor is not enabled on this machine; leave it out"
                       : "process.selinuxLabel: \"" + process.selinuxLabel +
                             "\" cannot be applied: SELinux is not enabled on this machine; leave it out");
}

}  // namespace

ResolvedPayload resolvePayload(const ChildContext& context, const Payload& payload) {
  const Process& process = payload.process;
  ResolvedPayload resolved;
  context.steps.begin(Step::user);
  resolved.credentials = resolveCredentials(process.user, payload.user);
  resolved.environment = process.env;
  if (!environmentValue(process.env, "HOME"))
    resolved.environment.push_back("HOME=" + resolved.credentials.home);
  context.steps.begin(Step::cwd);
  resolved.cwdIsEntered = enterCwd(process.cwd);
  context.steps.begin(Step::exec);
  if (process.args.empty()) throw sys::Error("ERR_SPEC_INVALID", "process.args: there is nothing to execute");
  resolved.program = findProgram(process.args[0], resolved.environment);
  if (!payload.init.empty()) resolved.program = payload.init;
  resolved.arguments = argumentsOf(payload);
  return resolved;
}

ExecLabel openExecLabel(const Process& process, const Procfs& proc) {
  ExecLabel label;
  if (!process.apparmorProfile.empty() && process.apparmorProfile != "unconfined") {
    label.text = "exec " + process.apparmorProfile;
    label.file = proc.open("self/attr/apparmor/exec", O_WRONLY);
    if (!label.file && access("/sys/kernel/security/apparmor", F_OK) == 0)
      label.file = proc.open("self/attr/exec", O_WRONLY);
  } else if (!process.selinuxLabel.empty()) {
    label.text = process.selinuxLabel;
    if (access("/sys/fs/selinux/enforce", F_OK) == 0) label.file = proc.open("self/attr/exec", O_WRONLY);
  }
  if (!label.text.empty() && !label.file) refuseLabel(process);
  return label;
}

void useStdio(const Payload& payload, const Credentials& credentials) {
  if (payload.console) return useConsole(*payload.console, credentials.uid);
  // First out of the way of each other (0 may be asked to be 1), then into place.
  int asked[3] = {payload.stdio.in, payload.stdio.out, payload.stdio.err}, moved[3];
  for (int n = 0; n < 3; ++n) {
    if (asked[n] < 0) asked[n] = n;
    moved[n] = asked[n];
    if (asked[n] < 3)
      moved[n] = sys::check(fcntl(asked[n], F_DUPFD_CLOEXEC, 3), "dup stdio", std::to_string(asked[n]));
  }
  for (int n = 0; n < 3; ++n) {
    struct stat info;
    sys::check(dup2(moved[n], n), "dup2", std::to_string(n));
    // Else a user other than root cannot open /dev/stdout again. Only pipes: a file or a terminal is the
    // host's.
    if (credentials.uid != 0 && fstat(n, &info) == 0 && S_ISFIFO(info.st_mode))
      static_cast<void>(!fchown(n, credentials.uid, static_cast<gid_t>(-1)));
    if (moved[n] != asked[n]) close(moved[n]);
  }
  useNullInside();
}

void confineAndExecute(const ChildContext& context, const Payload& payload, const ResolvedPayload& resolved) {
  carryOverExec(context, payload);
  confine(context, payload, resolved);
  context.steps.begin(Step::exec);
  sendTrace(context);
  execute(resolved.program, resolved.arguments, resolved.environment);
}

}  // namespace strake::runtime
