// A bundle with busybox in it, for the runtime's tests: a real root file system, a real kernel, root's
// privileges.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/launch.h"
#include "sys/error.h"

namespace strake::runtime {

namespace fs = std::filesystem;

inline constexpr const char* baseConfig = R"({
  "ociVersion": "1.2.0",
  "root": {"path": "rootfs"},
  "hostname": "box",
  "process": {
    "cwd": "/", "args": ["true"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, "noNewPrivileges": true,
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_DAC_OVERRIDE"],
      "effective": ["CAP_CHOWN", "CAP_KILL", "CAP_DAC_OVERRIDE"],
      "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_DAC_OVERRIDE"]}},
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "noexec", "mode=1777"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "nodev", "noexec"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                   {"type": "cgroup"}],
    "maskedPaths": ["/proc/keys", "/proc/acpi", "/proc/timer_list", "/sys/firmware", "/proc/absent"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}
})";

inline std::string readFile(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void writeFile(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

struct Output {
  int exitCode = -1;  // 128 + n for a signal
  std::string out;    // stdout and stderr
};

/// The wait status as a shell says it.
inline int await(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class RuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: containers are made of namespaces and mounts";
    if (!fs::exists("/bin/busybox")) GTEST_SKIP() << "needs busybox-static";
    std::string name =
        (fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path().string()) + "/strake-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir = name;
    chmod(name.c_str(), 0755);
    makeRootfs();
    spec = parseSpec(baseConfig);
    mountsBefore = readFile("/proc/self/mountinfo");
    fdsBefore = countFds();
  }

  /// Whatever a test did, nothing of it is left on the host.
  void TearDown() override {
    if (dir.empty()) return;
    EXPECT_EQ(readFile("/proc/self/mountinfo"), mountsBefore) << "a mount is left on the host";
    EXPECT_EQ(countFds(), fdsBefore) << "a descriptor is left open";
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
    fs::remove_all(dir);
  }

  static size_t countFds() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
    return count;
  }

  void makeRootfs() {
    for (const char* name : {"bin", "etc", "tmp", "usr"}) fs::create_directories(rootfs() / name);
    fs::copy_file("/bin/busybox", rootfs() / "bin/busybox");
    for (const char* applet : {"sh",    "cat",   "ls",       "id",       "stat", "touch",    "true",  "false",
                               "echo",  "mount", "readlink", "hostname", "env",  "pwd",      "mkdir", "rm",
                               "chmod", "sleep", "grep",     "head",     "tty",  "stty",     "ps",    "dd",
                               "wc",    "kill",  "test",     "mknod",    "date", "ifconfig", "umask", "ln"})
      fs::create_symlink("busybox", rootfs() / "bin" / applet);
    writeFile(rootfs() / "etc/passwd",
              "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\n");
    writeFile(rootfs() / "etc/group", "root:x:0:\napp:x:1001:\nvideo:x:44:other,app\naudio:x:29:\n");
  }

  fs::path rootfs() const { return dir / "rootfs"; }

  LaunchRequest request() {
    LaunchRequest request{.spec = spec};
    request.bundle = dir;
    request.id = "test";
    request.rootfs = rootfsOf;
    request.user = user;
    return request;
  }

  void shell(const std::string& script) { spec.process.args = {"sh", "-c", script}; }

  /// Launches with stdout and stderr on a pipe, and waits for the end.
  Output run() { return run(request()); }
  Output run(LaunchRequest asked) {
    int pipe[2];
    EXPECT_EQ(pipe2(pipe, O_CLOEXEC), 0);
    sys::UniqueFd reading(pipe[0]), writing(pipe[1]);
    asked.stdio = {-1, pipe[1], pipe[1]};
    Launched launched = launch(asked);
    warnings = launched.warnings;
    writing.reset();
    return finish(launched, reading.get());
  }
  Output run(const std::string& script) {
    shell(script);
    return run();
  }

  static Output finish(Launched& launched, int reading) {
    Output output;
    char text[4096];
    for (ssize_t n; (n = read(reading, text, sizeof text)) > 0;)
      output.out.append(text, static_cast<size_t>(n));
    output.exitCode = await(launched.pid);
    return output;
  }

  /// The error that a launch ends with.
  LaunchError failure() { return failure(request()); }
  LaunchError failure(const LaunchRequest& asked) {
    try {
      Launched launched = launch(asked);
      kill(launched.pid, SIGKILL);
      await(launched.pid);
    } catch (const LaunchError& error) {
      return error;
    }
    ADD_FAILURE() << "the launch succeeded";
    return {"", "", 0, "", ""};
  }

  void addMount(Mount mount) { spec.mounts.push_back(std::move(mount)); }
  void addBind(const fs::path& source, const std::string& destination, std::vector<std::string> options) {
    Mount mount;
    mount.destination = destination;
    mount.type = "bind";
    mount.source = source;
    mount.options = std::move(options);
    addMount(std::move(mount));
  }
  void addTmpfs(const std::string& destination, std::vector<std::string> options) {
    Mount mount;
    mount.destination = destination;
    mount.type = "tmpfs";
    mount.source = "tmpfs";
    mount.options = std::move(options);
    addMount(std::move(mount));
  }
  void addNamespace(NamespaceKind kind, const std::string& path = "") {
    spec.linux_.namespaces.push_back({kind, path});
  }
  void dropNamespace(NamespaceKind kind) {
    std::erase_if(spec.linux_.namespaces, [&](const Namespace& ns) { return ns.kind == kind; });
  }
  void useOverlay() {
    rootfsOf.kind = Rootfs::Kind::overlay;
    rootfsOf.lower = {{.directory = rootfs()}};
    rootfsOf.upper = dir / "upper";
    rootfsOf.work = dir / "work";
    fs::create_directories(rootfsOf.upper);
    fs::create_directories(rootfsOf.work);
  }

  fs::path dir;
  Spec spec;
  Rootfs rootfsOf;
  UserByName user;
  std::vector<Warning> warnings;
  std::string mountsBefore;
  size_t fdsBefore = 0;
};

/// A container that sleeps while a test looks at it; killed and reaped at the end.
class Sleeper {
 public:
  explicit Sleeper(Launched launched) : launched_(std::move(launched)) {}
  ~Sleeper() {
    kill(launched_.pid, SIGKILL);
    await(launched_.pid);
  }
  pid_t pid() const { return launched_.pid; }
  int pidfd() const { return launched_.pidfd.get(); }
  std::string ns(const std::string& name) const {
    return fs::read_symlink("/proc/" + std::to_string(pid()) + "/ns/" + name);
  }

 private:
  Launched launched_;
};

}  // namespace strake::runtime
