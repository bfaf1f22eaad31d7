#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include "oci-runtime/commands.h"
#include "oci-runtime/log.h"
#include "oci-runtime/resources.h"
#include "runtime/hooks.h"
#include "runtime/seccomp_listener.h"
#include "sys/error.h"
#include "sys/lock.h"
#include "sys/process.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

const std::vector<Flag> createFlags = {
    {{"bundle", "b"}, true},  {{"pid-file"}, true}, {{"console-socket"}, true},
    {{"preserve-fds"}, true}, {{"no-pivot"}},       {{"no-new-keyring"}},
    {{"detach", "d"}},        {{"keep"}},           {{"no-subreaper"}}};

std::string absolute(const std::string& path) {
  char resolved[PATH_MAX];
  if (!::realpath(path.c_str(), resolved)) sys::throwErrno("bundle", path);
  return resolved;
}

std::string currentTime() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  char text[64], part[16];
  ::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  ::snprintf(part, sizeof part, ".%09ldZ", now.tv_nsec);
  return std::string(text) + part;
}

/// start.sock, by the directory's descriptor: the path may be longer than sun_path.
sockaddr_un startAddress(int directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/start.sock", directory);
  return address;
}

sys::UniqueFd openDirectory(const std::string& path) {
  return sys::UniqueFd(sys::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
}

sys::UniqueFd seqpacket() {
  return sys::UniqueFd(sys::check(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket"));
}

sys::UniqueFd listenForStart(const std::string& directory) {
  const sys::UniqueFd opened = openDirectory(directory);
  sys::UniqueFd socket = seqpacket();
  const sockaddr_un address = startAddress(opened.get());
  sys::check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind",
             directory + "/start.sock");
  sys::check(::listen(socket.get(), 1), "listen");
  return socket;
}

sys::UniqueFd connectToStart(const std::string& directory) {
  const sys::UniqueFd opened = openDirectory(directory);
  sys::UniqueFd socket = seqpacket();
  const sockaddr_un address = startAddress(opened.get());
  sys::check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect",
             directory + "/start.sock");
  return socket;
}

/// The init inherits it and has it until it executes the program: so long the container is "created".
sys::FileLock lockUntilStarted(const std::string& directory) {
  return sys::lockFile(directory + "/start.lock", sys::LockMode::exclusive);
}

void refuse(const Options& options) {
  if (options.enabled("no-pivot"))
    throw sys::Error("ERR_NOT_IMPLEMENTED",
                     "--no-pivot is not supported: a root that pivot_root(2) cannot leave is not confined");
}

std::string cgroupOf(const std::string& id, const std::string& asked) {
  const size_t start = asked.find_first_not_of('/');
  return start == std::string::npos ? id : asked.substr(start);
}

void warnOfNoGroup(const std::string& why) {
  warn("no cgroup, so no limits, pause or statistics: " + why +
       "; let cgroups be delegated to this user for them");
}

/// Null where an ordinary user may make none, which is said.
std::unique_ptr<cgroup::Cgroup> makeGroup(const Global& global, const Record& record,
                                          const runtime::Linux& settings) {
  try {
    auto group = cgroup::Cgroup::create(cgroupOf(record.id, settings.cgroupsPath),
                                        withDefaultDevices(withoutZeros(settings.resources)));
    if (!group->directories().empty()) return group;
    warnOfNoGroup("this user may make none");
  } catch (const sys::SysError& error) {
    const bool refused = error.error() == EACCES || error.error() == EPERM || error.error() == EROFS;
    if (!global.rootless || !refused) throw;
    warnOfNoGroup(error.what());
  }
  return nullptr;
}

/// Saves the cgroup's name before anything runs in it: should this process be killed, delete finds what runs.
std::unique_ptr<cgroup::Cgroup> begin(const Global& global, Container& container) {
  const runtime::Linux& settings = container.spec().linux_;
  Record& record = container.record();
  auto group = makeGroup(global, record, settings);
  if (group) record.cgroup = cgroupOf(record.id, settings.cgroupsPath);
  record.begun = true;
  container.save();
  return group;
}

runtime::Launched launchIn(const Global& global, Container& container, const Options& options,
                           int startSocket) {
  const Passed passed = passedDescriptors(options);
  closeInherited(passed.descriptors);
  runtime::Spec spec = container.spec();
  spec.process.env.insert(spec.process.env.end(), passed.environment.begin(), passed.environment.end());
  const auto group = begin(global, container);
  Record& record = container.record();
  runtime::Launched launched = runtime::launch({.spec = spec,
                                                .bundle = record.bundle,
                                                .id = record.id,
                                                .rootfs = {.directory = record.rootfs},
                                                .cgroup = group.get(),
                                                .stopBeforeExec = startSocket >= 0,
                                                .startSocket = startSocket,
                                                .preservedFds = passed.descriptors,
                                                .keepKeyring = options.enabled("no-new-keyring"),
                                                .callersLock = container.lockDescriptor()});
  launched.onListener = {};  // it refers to the spec
  record.pid = launched.pid;
  record.pidStart = sys::processStartTime(launched.pid).value_or("0");
  record.created = currentTime();
  return launched;
}

/// On a throw nothing is left of the container.
template <typename Step>
void orDestroy(Container& container, Step step) {
  try {
    step();
  } catch (...) {
    destroy(container);
    throw;
  }
}

/// After a time without the lock: somebody else may have deleted it, and made another of the same id.
void destroyOwn(Container& container) {
  const pid_t pid = container.record().pid;
  const std::string start = container.record().pidStart;
  try {
    container.lock();
  } catch (const sys::Error& error) {
    if (error.code() == "ERR_CONTAINER_NOT_FOUND") return;
    throw;
  }
  if (container.record().pid == pid && container.record().pidStart == start) destroy(container);
}

void runPoststart(const Container& container) {
  const Record& record = container.record();
  for (const std::string& failure :
       runtime::runEveryHook(container.spec().hooks.poststart, "poststart",
                             {container.spec(), record.id, "running", record.pid, record.bundle}))
    warn(failure);
}

void checkTerminal(const Container& container, const Options& options, bool detached) {
  const bool terminal = container.spec().process.terminal, socket = options.has("console-socket");
  if (terminal && detached && !socket)
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     "cannot allocate tty if runc will detach without setting console socket");
  if ((!terminal || !detached) && socket)
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     "cannot use console socket if runc will not detach or allocate tty");
}

/// runtime.md, lifecycle step 7: a startContainer hook that fails ends the container, which is then
/// destroyed.
void letGo(Container& container) {
  const Record& record = container.record();
  runtime::Launched launched;
  launched.pid = record.pid;
  launched.sync = connectToStart(container.directory());
  launched.onListener = [&](int listener) {
    runtime::sendToAgent(listener, record.pid,
                         {container.spec(), record.id, "created", record.pid, record.bundle});
  };
  try {
    launched.go();
  } catch (const runtime::LaunchError& error) {
    if (error.step() == "hook") destroy(container);
    throw;
  }
  for (const runtime::Warning& warning : launched.warnings) warn(warning.message);
}

}  // namespace

int create(const Global& global, Words words) {
  const Options options(words, createFlags, containerId);
  refuse(options);
  const std::string& id = options.operand(0);
  Container container = Container::make(global.root, id, absolute(options.value("bundle", ".")));
  orDestroy(container, [&] {
    checkTerminal(container, options, true);
    const sys::FileLock waiting = lockUntilStarted(container.directory());
    const sys::UniqueFd socket = listenForStart(container.directory());
    const runtime::Launched launched = launchIn(global, container, options, socket.get());
    container.save();
    for (const runtime::Warning& warning : launched.warnings) warn(warning.message);
    if (launched.console) sendConsole(launched.console.get(), options.value("console-socket"));
    writePidFile(options.value("pid-file"), launched.pid);
  });
  return 0;
}

int start(const Global& global, Words words) {
  const Options options(words, {}, containerId);
  Container container = Container::open(global.root, options.operand(0));
  container.lock();
  const std::string status = container.status();
  if (status == "stopped")
    throw sys::Error("ERR_CONTAINER_STATE", "cannot start a container that has stopped");
  if (status == "paused") throw sys::Error("ERR_CONTAINER_STATE", "cannot start a paused container");
  if (status != "created")
    throw sys::Error("ERR_CONTAINER_STATE", "cannot start an already running container");
  letGo(container);
  ::unlink((container.directory() + "/start.sock").c_str());
  runPoststart(container);
  return 0;
}

int run(const Global& global, Words words) {
  const Options options(words, createFlags, containerId);
  refuse(options);
  const bool detached = options.enabled("detach");
  const std::string& id = options.operand(0);
  Container container = Container::make(global.root, id, absolute(options.value("bundle", ".")));
  runtime::Launched launched;
  orDestroy(container, [&] {
    checkTerminal(container, options, detached);
    launched = launchIn(global, container, options, -1);
    container.save();
    for (const runtime::Warning& warning : launched.warnings) warn(warning.message);
    if (launched.console && options.has("console-socket"))
      sendConsole(launched.console.get(), options.value("console-socket"));
    writePidFile(options.value("pid-file"), launched.pid);
    runPoststart(container);
  });
  if (detached) return 0;
  container.unlock();
  const int status = waitForExit(launched);
  if (!options.enabled("keep")) destroyOwn(container);
  return status;
}

}  // namespace strake::oci_runtime
