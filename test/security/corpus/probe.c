// probe NAME: one attempt to reach past a container, from inside. Prints "ESCAPED: …" when it got somewhere,
// "held: …" when it did not. Nothing is changed where it would be the machine's: what may be written is
// opened, and closed again.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int escapes;

// `got` says that the attempt has succeeded.
static void attempt(const char* what, int got) {
  if (got) {
    ++escapes;
    printf("ESCAPED: %s\n", what);
  } else {
    printf("held: %s: %s\n", what, strerror(errno));
  }
}

static int opens(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static void writes(const char* path) {
  attempt(path, opens(path, O_WRONLY));
}

static const char* given(const char* name) {
  const char* value = getenv(name);
  return value == NULL ? "" : value;
}

// ---- files of the machine

static void handles(void) {
  const int mount = open("/etc/hostname", O_RDONLY);  // a file of the machine's own file system
  const uint64_t inode = 2;                           // the root of an ext4
  struct {
    struct file_handle head;
    unsigned char bytes[8];
  } handle = {{8, 1, {}}, {0}};
  memcpy(handle.bytes, &inode, sizeof inode);
  attempt("open_by_handle_at", open_by_handle_at(mount, &handle.head, O_RDONLY) >= 0);
}

static void disks(void) {
  const dev_t devices[] = {makedev(8, 0),   makedev(8, 1),   makedev(253, 0),
                           makedev(254, 0), makedev(259, 0), makedev(7, 0)};
  for (size_t i = 0; i < sizeof devices / sizeof *devices; ++i) {
    unlink("/tmp/disk");
    if (mknod("/tmp/disk", S_IFBLK | 0600, devices[i]) < 0)
      attempt("mknod of a disk", 0);
    else
      attempt("open of a disk", opens("/tmp/disk", O_RDONLY) || errno == ENXIO);
  }
}

static void memory_devices(void) {
  const dev_t devices[] = {makedev(1, 1),  makedev(1, 2),    makedev(1, 4),
                           makedev(1, 11), makedev(10, 237), makedev(10, 229)};
  for (size_t i = 0; i < sizeof devices / sizeof *devices; ++i) {
    unlink("/tmp/device");
    mknod("/tmp/device", S_IFCHR | 0600, devices[i]);
    attempt("a device that is not the container's", opens("/tmp/device", O_RDWR) || errno == ENXIO);
  }
}

static void chroot_twice(void) {
  const int top = open("/", O_RDONLY | O_DIRECTORY);
  mkdir("/tmp/inner", 0700);
  if (chroot("/tmp/inner") < 0 || fchdir(top) < 0) return attempt("chroot", 0);
  for (int up = 0; up < 64; ++up) (void)!chdir("..");
  (void)!chroot(".");
  attempt("a second chroot", opens(given("CANARY"), O_RDONLY));
}

static void overwrite(void) {
  struct stat own, other;
  stat("/proc/self/exe", &own);
  int held[64], count = 0;
  for (time_t end = time(NULL) + 3; time(NULL) < end;) {
    DIR* proc = opendir("/proc");
    for (struct dirent* entry; proc && (entry = readdir(proc)) != NULL;) {
      char path[64];
      if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
      snprintf(path, sizeof path, "/proc/%.20s/exe", entry->d_name);
      const int fd = count < 64 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
      if (fd < 0) continue;
      if (fstat(fd, &other) == 0 && (other.st_ino != own.st_ino || other.st_dev != own.st_dev))
        held[count++] = fd;
      else
        close(fd);
    }
    if (proc) closedir(proc);
    for (int i = 0; i < count; ++i) {
      char path[64];
      snprintf(path, sizeof path, "/proc/self/fd/%d", held[i]);
      if (opens(path, O_WRONLY)) return attempt("a program that is not the image's can be written", 1);
    }
  }
  errno = count > 0 ? ETXTBSY : ENOENT;
  attempt("the program that enters", 0);
}

static void descriptors(void) {
  for (int fd = 3; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) return attempt("a descriptor that was left open", 1);
  }
  attempt("descriptors", 0);
}

static void outside(void) {
  char path[4096];
  snprintf(path, sizeof path, "../../../../../../../../../../../..%s", given("CANARY"));
  attempt("the machine's files from the working directory",
          opens(path, O_RDONLY) || opens(given("CANARY"), O_RDONLY));
}

// ---- the kernel's own files

static void kernel_files(void) {
  static const char* paths[] = {"/proc/sysrq-trigger",       "/proc/sys/kernel/core_pattern",
                                "/proc/sys/kernel/modprobe", "/proc/sys/vm/drop_caches",
                                "/proc/sys/kernel/panic",    "/proc/irq/default_smp_affinity",
                                "/proc/bus/pci/devices"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; ++i) writes(paths[i]);
}

static void sysfs(void) {
  static const char* paths[] = {"/sys/kernel/uevent_helper", "/sys/power/state",
                                "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/profiling",
                                "/sys/module/kernel/parameters/panic"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; ++i) writes(paths[i]);
}

static void masked(void) {
  static const char* paths[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug",
                                "/proc/latency_stats"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; ++i) {
    char bytes[16];
    const int fd = open(paths[i], O_RDONLY);
    attempt(paths[i], fd >= 0 && read(fd, bytes, sizeof bytes) > 0);
  }
  attempt("/sys/firmware", opens("/sys/firmware/acpi/tables/DSDT", O_RDONLY));
}

static void remount(void) {
  attempt("/proc/sys writable", mount("none", "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0);
  attempt("/sys writable", mount("none", "/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0);
  attempt("a mask away", umount2("/proc/kcore", MNT_DETACH) == 0);
}

static void cgroups(void) {
  char path[512];
  static const char* names[] = {"memory", "pids", "cpu", "devices", "freezer"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    static const char* files[] = {"release_agent",         "notify_on_release", "cgroup.procs", "tasks",
                                  "memory.limit_in_bytes", "pids.max",          "devices.allow"};
    for (size_t j = 0; j < sizeof files / sizeof *files; ++j) {
      snprintf(path, sizeof path, "/sys/fs/cgroup/%s/%s", names[i], files[j]);
      writes(path);
    }
  }
}

// CVE-2022-0492: a cgroup of one's own, in a user namespace of one's own.
static void release_agent(void) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0) return attempt("unshare", 0);
  mkdir("/tmp/groups", 0700);
  static const char* names[] = {"rdma", "memory", "pids", "cpu", "misc"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    if (mount("cgroup", "/tmp/groups", "cgroup", 0, names[i]) == 0)
      attempt("release_agent", opens("/tmp/groups/release_agent", O_WRONLY));
  }
}

// ---- system calls that are not namespaced, or that reach far

static void keyrings(void) {
  attempt("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, -4) >= 0);
  attempt("keyctl", syscall(SYS_keyctl, 0, -4, 1) >= 0);  // KEYCTL_GET_KEYRING_ID of the user's keyring
  attempt("request_key", syscall(SYS_request_key, "user", "probe", NULL, 0) >= 0);
}

static void programs(void) {
  union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  attempt("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr) >= 0);
  struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event};
  attempt("perf_event_open", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0);
}

static void userfaults(void) {
  attempt("userfaultfd", syscall(SYS_userfaultfd, 0) >= 0 || syscall(SYS_userfaultfd, 1) >= 0);
}

static void io_urings(void) {
  char parameters[120] = {0};
  attempt("io_uring_setup", syscall(SYS_io_uring_setup, 1, parameters) >= 0);
}

static void modules(void) {
  attempt("init_module", syscall(SYS_init_module, "", 0, "") == 0 || errno == ENOEXEC);
  attempt("finit_module", syscall(SYS_finit_module, 0, "", 0) == 0 || errno == ENOEXEC);
  attempt("delete_module", syscall(SYS_delete_module, "no-such-module", O_NONBLOCK) == 0 || errno == ENOENT);
  attempt("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0) == 0);
}

static void machine(void) {
  const struct timespec now = {.tv_sec = -1};
  attempt("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &now) == 0 || errno == EINVAL);
  attempt("reboot", syscall(SYS_reboot, 0, 0, 0, 0) == 0 || errno == EINVAL);
  attempt("swapoff", syscall(SYS_swapoff, "/no-such-file") == 0 || errno == ENOENT);
  attempt("acct", syscall(SYS_acct, "/no-such-file") == 0 || errno == ENOENT);
  attempt("quotactl", syscall(SYS_quotactl, 0, "/none", 0, NULL) == 0);
#ifdef SYS_iopl
  attempt("iopl", syscall(SYS_iopl, 3) == 0);
#endif
}

static void kernel_log(void) {
  attempt("the kernel's log", klogctl(10, NULL, 0) > 0);  // SYSLOG_ACTION_SIZE_BUFFER
}

static void mounts(void) {
  attempt("mount of a tmpfs", mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
  attempt("bind", mount("/", "/tmp", NULL, MS_BIND, NULL) == 0);
  attempt("fsopen", syscall(SYS_fsopen, "tmpfs", 0) >= 0);
  attempt("open_tree of a clone", syscall(SYS_open_tree, AT_FDCWD, "/", 1) >= 0);
  attempt("pivot_root", syscall(SYS_pivot_root, ".", ".") == 0 || errno == EBUSY);
}

static int child_of(long pid) {
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, NULL, __WALL);
  return pid > 0;
}

static void namespaces(void) {
  attempt("clone with a user namespace", child_of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)));
  struct {
    uint64_t flags, pidfd, child, parent, signal, stack, size, tls;
  } arguments = {.flags = CLONE_NEWUSER, .signal = SIGCHLD};
  attempt("clone3 with a user namespace", child_of(syscall(SYS_clone3, &arguments, sizeof arguments)));
  attempt("clone with a mount namespace", child_of(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0)));
  const int own = open("/proc/self/ns/mnt", O_RDONLY);
  attempt("setns", setns(own, CLONE_NEWNS) == 0);
  attempt("unshare -r", unshare(CLONE_NEWUSER) == 0);
}

// The same calls by the other tables of an x86-64 kernel, which a filter of the first alone would let
// through.
static void other_abis(void) {
#ifdef __x86_64__
  long answer;
  __asm__ volatile("int $0x80"
                   : "=a"(answer)
                   : "a"(288L), "b"(0L), "c"(-4L), "d"(1L), "S"(0L), "D"(0L)
                   : "memory", "r8", "r9", "r10", "r11");
  errno = answer < 0 ? (int)-answer : 0;
  attempt("keyctl by int 0x80", (int)answer >= 0);
  attempt("keyctl by x32", syscall(0x40000000 + SYS_keyctl, 0, -4, 1) >= 0);
  attempt("unshare by x32", syscall(0x40000000 + SYS_unshare, CLONE_NEWUSER) >= 0);
#else
  errno = ENOSYS;
  attempt("other tables of calls", 0);
#endif
}

// ---- what is shared with the machine

static void abstract_socket(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char* name = given("ABSTRACT");
  memcpy(address.sun_path + 1, name, strlen(name));
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  attempt("an abstract socket",
          connect(fd, (struct sockaddr*)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) == 0);
}

static void loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(given("PORT")))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  attempt("the machine's loopback", connect(fd, (struct sockaddr*)&address, sizeof address) == 0);
}

static void system_v(void) {
  attempt("shared memory of the machine", shmget((key_t)strtol(given("SHM_KEY"), NULL, 10), 1, 0) >= 0);
}

static void processes(void) {
  const pid_t pid = (pid_t)atoi(given("HOST_PID"));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/root%s", pid, given("CANARY"));
  attempt("a process of the machine", kill(pid, 0) == 0 || opens(path, O_RDONLY));
  attempt("the machine's files by process 1", ({
            snprintf(path, sizeof path, "/proc/1/root%.40s", given("CANARY"));
            opens(path, O_RDONLY);
          }));
}

static void virtual_sockets(void) {
  attempt("vsock", socket(40, SOCK_STREAM, 0) >= 0);
}

// ---- who the process is

static void capabilities(void) {
  char line[256];
  FILE* status = fopen("/proc/self/status", "re");
  while (status && fgets(line, sizeof line, status)) {
    unsigned long long set = 0;
    if (sscanf(line, "CapInh: %llx", &set) == 1) attempt("inheritable capabilities", set != 0);
    if (sscanf(line, "CapAmb: %llx", &set) == 1) attempt("ambient capabilities", set != 0);
    if (sscanf(line, "CapBnd: %llx", &set) == 1)
      attempt("sys_admin and the like", (set & 0x3fffffffff & (1ULL << 21 | 1ULL << 16 | 1ULL << 2)) != 0);
  }
}

static void groups(void) {
  gid_t list[64];
  attempt("groups that nobody gave", getgroups(64, list) > 0);
}

static void user(void) {
  errno = EPERM;
  attempt("root, who was not asked for", getuid() == 0 || geteuid() == 0);
}

// What is pushed into a terminal is read by whoever reads it next: the shell that has started the runtime.
static void keystrokes(void) {
  char key = ' ';
  if (!isatty(0)) return attempt("the terminal of the caller", 0);
  attempt("a key typed for the caller (TIOCSTI)", ioctl(0, TIOCSTI, &key) == 0);
  attempt("the caller's terminal as one's own (TIOCSCTTY)",
          ioctl(0, TIOCSCTTY, 0) == 0 || ioctl(0, TIOCSCTTY, 1) == 0);
  const int again = open("/proc/self/fd/0", O_RDWR);
  attempt("a key typed, the terminal opened again", again >= 0 && ioctl(again, TIOCSTI, &key) == 0);
  char paste = 3;
  attempt("a selection pasted for the caller (TIOCLINUX)", ioctl(0, TIOCLINUX, &paste) == 0);
}

// ---- exhaustion

// Ends its own children by their ids, and only those: kill(-1) would mean everybody where the container
// shares the machine's processes.
static void forks(void) {
  pid_t children[300];
  int count = 0;
  for (int i = 0; i < 300; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      alarm(10);
      pause();
      _exit(0);
    }
    if (pid > 0) children[count++] = pid;
  }
  attempt("more processes than allowed", count >= 100);
  for (int i = 0; i < count; ++i) kill(children[i], SIGKILL);
  for (int i = 0; i < count; ++i) waitpid(children[i], NULL, 0);
}

static void memory(void) {
  const size_t size = 300UL << 20;
  char* bytes = malloc(size);
  if (bytes == NULL) return attempt("memory", 0);
  for (size_t at = 0; at < size; at += 4096) bytes[at] = 1;
  attempt("more memory than allowed", 1);
}

static void is_procfs(void) {
  struct statfs info = {0};
  statfs("/proc", &info);
  attempt("a /proc that is none", info.f_type != 0x9fa0);
}

static const struct {
  const char* name;
  void (*run)(void);
} probes[] = {
    {"handles", handles},
    {"disks", disks},
    {"memory-devices", memory_devices},
    {"chroot-twice", chroot_twice},
    {"overwrite", overwrite},
    {"descriptors", descriptors},
    {"outside", outside},
    {"kernel-files", kernel_files},
    {"sysfs", sysfs},
    {"masked", masked},
    {"remount", remount},
    {"cgroups", cgroups},
    {"release-agent", release_agent},
    {"keyrings", keyrings},
    {"programs", programs},
    {"userfaults", userfaults},
    {"io-urings", io_urings},
    {"modules", modules},
    {"machine", machine},
    {"kernel-log", kernel_log},
    {"mounts", mounts},
    {"namespaces", namespaces},
    {"other-abis", other_abis},
    {"abstract-socket", abstract_socket},
    {"loopback", loopback},
    {"system-v", system_v},
    {"processes", processes},
    {"virtual-sockets", virtual_sockets},
    {"capabilities", capabilities},
    {"groups", groups},
    {"user", user},
    {"keystrokes", keystrokes},
    {"forks", forks},
    {"memory", memory},
    {"is-procfs", is_procfs},
};

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; argc > 1 && i < sizeof probes / sizeof *probes; ++i) {
    if (strcmp(probes[i].name, argv[1]) != 0) continue;
    probes[i].run();
    return escapes == 0 ? 0 : 1;
  }
  return fputs("probe NAME\n", stderr), 2;
}
