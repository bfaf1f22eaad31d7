// Another process in a running container.
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cstring>

#include "runtime_bundle.h"

namespace strake::runtime {
namespace {

class Exec : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    if (IsSkipped()) return;
    spec.process.args = {"sleep", "100"};
    process = spec.process;
  }

  void start() { container.emplace(launch(request())); }
  void TearDown() override {
    container.reset();
    RuntimeTest::TearDown();
  }

  ExecRequest request(const std::string& script) {
    process.args = {"sh", "-c", script};
    return ExecRequest{.spec = spec,
                       .process = process,
                       .init = container->pid(),
                       .initPidfd = container->pidfd(),
                       .user = user};
  }
  using RuntimeTest::request;

  Output exec(const std::string& script) { return exec(request(script)); }
  Output exec(ExecRequest asked) {
    int pipe[2];
    EXPECT_EQ(pipe2(pipe, O_CLOEXEC), 0);
    sys::UniqueFd reading(pipe[0]), writing(pipe[1]);
    asked.stdio = {-1, pipe[1], pipe[1]};
    Launched launched = runtime::exec(asked);
    writing.reset();
    return finish(launched, reading.get());
  }

  LaunchError failure(const ExecRequest& asked) {
    try {
      Launched launched = runtime::exec(asked);
      await(launched.pid);
    } catch (const LaunchError& error) {
      return error;
    }
    ADD_FAILURE() << "the exec succeeded";
    return {"", "", 0, "", ""};
  }

  std::optional<Sleeper> container;
  Process process;
};

TEST_F(Exec, JoinsEveryNamespaceOfTheContainer) {
  start();
  Output output = exec("for n in mnt pid uts ipc net cgroup user; do readlink /proc/self/ns/$n; done");
  std::string expected;
  for (const char* name : {"mnt", "pid", "uts", "ipc", "net", "cgroup", "user"})
    expected += container->ns(name) + "\n";
  EXPECT_EQ(output.out, expected);
  EXPECT_EQ(fs::read_symlink("/proc/self/ns/pid"), fs::read_symlink("/proc/self/ns/pid_for_children"));
}

TEST_F(Exec, SeesTheContainersProcessesAndFiles) {
  start();
  EXPECT_EQ(exec("grep Name /proc/1/status; hostname; echo made > /tmp/made").out, "Name:\tsleep\nbox\n");
  EXPECT_EQ(readFile(rootfs() / "tmp/made"), "made\n");
}

TEST_F(Exec, IsConfinedAsItsProcessSays) {
  start();
  process.capabilities = {};
  process.noNewPrivileges = true;
  EXPECT_EQ(exec("grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status").out,
            "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n");
}

TEST_F(Exec, TakesAUserByNameAndItsHome) {
  start();
  user.user = "app";
  EXPECT_EQ(exec("id -u; id -g; echo $HOME").out, "1000\n1001\n/home/app\n");
}

TEST_F(Exec, JoinsAUserNamespace) {
  addNamespace(NamespaceKind::user);
  spec.linux_.uidMappings = spec.linux_.gidMappings = {{0, 200000, 65536}};
  useOverlay();
  start();
  EXPECT_EQ(exec("id -u; readlink /proc/self/ns/user; head -1 /proc/self/uid_map").out.substr(0, 2), "0\n");
  EXPECT_EQ(exec("readlink /proc/self/ns/user").out, container->ns("user") + "\n");
}

TEST_F(Exec, AMissingProgramOrDirectoryIsNamed) {
  start();
  ExecRequest asked = request("");
  asked.process.args = {"nonesuch"};
  EXPECT_EQ(failure(asked).code(), "ERR_EXEC_NOT_FOUND");
  process.cwd = "/absent";
  EXPECT_EQ(failure(request("true")).code(), "ERR_CWD_INVALID");
}

TEST_F(Exec, AWorkingDirectoryThroughAnotherProcesssDescriptorsCannotLeaveTheContainer) {
  start();
  sys::UniqueFd leak(open("/", O_RDONLY));  // as runc leaked one: CVE-2024-21626
  for (int fd = 3; fd < 20; ++fd) {
    ExecRequest asked = request("ls bin/busybox && ls work && echo escaped");
    asked.process.cwd = "/proc/self/fd/" + std::to_string(fd);
    try {
      EXPECT_EQ(exec(asked).out.find("escaped"), std::string::npos) << fd;
    } catch (const LaunchError& error) {
      EXPECT_EQ(error.code(), "ERR_CWD_INVALID");
    }
  }
}

TEST_F(Exec, HasATerminalOfTheContainersOwn) {
  start();
  ExecRequest asked = request("tty; stty size; echo done");
  asked.process.terminal = true;
  asked.process.consoleSize = {33, 101};
  Launched launched = runtime::exec(asked);
  ASSERT_TRUE(launched.console);
  EXPECT_EQ(finish(launched, launched.console.get()).out, "/dev/pts/0\r\n33 101\r\ndone\r\n");
}

// CVE-2019-5736, CVE-2016-9962: the container, all-powerful in a user namespace of its own, looks at every
// process's executable as fast as it can.
TEST_F(Exec, TheSetUpCannotBeInspectedFromTheContainer) {
  addNamespace(NamespaceKind::user);
  spec.linux_.uidMappings = spec.linux_.gidMappings = {{0, 200000, 65536}};
  useOverlay();
  Capabilities& capabilities = spec.process.capabilities;
  capabilities.bounding = capabilities.effective = capabilities.permitted = ~0ULL >> 23;
  spec.process.args = {"sh", "-c",
                       "while :; do for p in /proc/[2-9]* /proc/1?*; do e=$(readlink $p/exe) && case $e in "
                       "/bin/busybox) ;; *) echo $e >> /tmp/seen;; esac; done; done 2>/dev/null"};
  start();
  for (int n = 0; n < 40; ++n) exec("true");
  EXPECT_FALSE(fs::exists(dir / "upper/tmp/seen")) << readFile(dir / "upper/tmp/seen");
}

TEST_F(Exec, WhereTheContainerHasLostItsNullDeviceInputIsEmpty) {
  start();
  exec("rm /dev/null");
  sys::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  sys::UniqueFd reading(pipe[0]), writing(pipe[1]);
  ExecRequest asked = request("cat; stat -L -c %F /proc/self/fd/0");
  asked.stdio = {null.get(), writing.get(), writing.get()};
  Launched launched = runtime::exec(asked);
  writing.reset();
  EXPECT_EQ(finish(launched, reading.get()).out, "fifo\n");
  asked.stdio = {null.get(), null.get(), null.get()};
  EXPECT_EQ(failure(asked).code(), "ERR_DEVICE_INVALID");
}

/// What sendToAgent() sends: the process that waits, and the descriptor of the filter that holds it.
struct Held {
  pid_t pid = -1;
  sys::UniqueFd listener;
};

Held receiveHeld(int server) {
  sys::UniqueFd connection(accept4(server, nullptr, nullptr, SOCK_CLOEXEC));
  char text[4096] = {};
  iovec part{text, sizeof text - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC) <= 0) return {};
  int listener;
  std::memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof listener);
  return {std::atoi(std::strstr(text, "\"pid\":") + 6), sys::UniqueFd(listener)};
}

void keepCapabilities(const Capabilities& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  auto low = static_cast<uint32_t>(sets.permitted);
  __user_cap_data_struct data[2] = {{low, low, 0}, {0, 0, 0}};
  syscall(SYS_capset, &header, data);
}

void letGo(int listener) {
  seccomp_notif asked{};
  ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked);
  seccomp_notif_resp answer{asked.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

TEST_F(Exec, UntilItsExecItCannotBeInspectedByAProcessWithTheContainersRights) {
  // CVE-2016-9962, CVE-2019-5736. A seccomp agent holds it at the execve, when it is as confined as it gets.
  start();
  sys::UniqueFd server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (dir / "agent").c_str());
  ASSERT_EQ(bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(server.get(), 1), 0);
  spec.linux_.seccomp.emplace();
  spec.linux_.seccomp->listenerPath = dir / "agent";
  spec.linux_.seccomp->syscalls.push_back({{"execve"}, seccomp::Action::notify, {}, {}});
  pid_t agent = fork();
  if (agent == 0) {
    Held held = receiveHeld(server.get());
    keepCapabilities(process.capabilities);
    char target[4096];
    std::string link = "/proc/" + std::to_string(held.pid) + "/exe";
    bool hidden = readlink(link.c_str(), target, sizeof target) < 0 && errno == EACCES;
    letGo(held.listener.get());
    _exit(hidden ? 0 : 1);
  }
  process.args = {"true"};
  process.noNewPrivileges = true;
  ExecRequest asked{
      .spec = spec, .process = process, .init = container->pid(), .initPidfd = container->pidfd()};
  EXPECT_EQ(exec(asked).exitCode, 0);
  EXPECT_EQ(await(agent), 0);
}

}  // namespace
}  // namespace strake::runtime
