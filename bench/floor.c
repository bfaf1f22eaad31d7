// The floor of a hardened start: only the system calls that no implementation can leave out. All namespaces
// but the user's, an overlay root, /proc, /dev, /sys, masked and read-only paths, a group in every cgroup v1
// hierarchy (or in v2), capabilities, a seccomp filter, no_new_privs, exec, wait, and everything removed
// again. No JSON, no state, no log, no monitor.
//
//   floor ROOTFS SCRATCH PROGRAM      a line on stdin starts one; the answer on stdout is its nanoseconds
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define must(call) \
  if ((call) < 0) fail(#call)

static char upper[4096], work[4096], mountpoint[4096];
static char* groups[16];
static int tasks[16], group_count;

static void fail(const char* call) {
  fprintf(stderr, "floor: %s: %s\n", call, strerror(errno));
  _exit(111);
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// Every hierarchy that is mounted below /sys/fs/cgroup with a tasks or cgroup.procs file to join by.
static void find_groups(void) {
  static const char* names[] = {"cpu",     "cpuacct", "cpuset", "memory", "devices",
                                "freezer", "blkio",   "pids",   "systemd"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[256];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s/tasks", names[i]);
    if (access(path, W_OK)) continue;
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s/strake-floor-%d", names[i], getpid());
    groups[group_count++] = strdup(path);
  }
}

static void copy_parents_value(const char* group, const char* file) {
  char path[512], value[256];
  snprintf(path, sizeof path, "%s/../%s", group, file);
  int in = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = in < 0 ? -1 : read(in, value, sizeof value);
  snprintf(path, sizeof path, "%s/%s", group, file);
  int out = open(path, O_WRONLY | O_CLOEXEC);
  if (length > 0 && out >= 0 && write(out, value, length) < 0) fail(file);
  close(in);
  close(out);
}

static void make_groups(void) {
  for (int i = 0; i < group_count; i++) {
    char path[512];
    must(mkdir(groups[i], 0755));
    if (strstr(groups[i], "/cpuset/")) {
      copy_parents_value(groups[i], "cpuset.cpus");
      copy_parents_value(groups[i], "cpuset.mems");
    }
    snprintf(path, sizeof path, "%s/tasks", groups[i]);
    must(tasks[i] = open(path, O_WRONLY | O_CLOEXEC));
  }
}

static void remove_groups(void) {
  for (int i = 0; i < group_count; i++) {
    close(tasks[i]);
    while (rmdir(groups[i]) && errno == EBUSY) usleep(100);
  }
}

static void mount_root(const char* rootfs) {
  int fs;
  must(fs = syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC));
  must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "lowerdir", rootfs, 0));
  must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "upperdir", upper, 0));
  must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "workdir", work, 0));
  must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0));
  must(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
  int root;
  must(root = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0));
  must(syscall(SYS_move_mount, root, "", AT_FDCWD, mountpoint, MOVE_MOUNT_F_EMPTY_PATH));
  must(chdir(mountpoint));
}

static void fill_dev(void) {
  static const struct {
    const char* path;
    int minor;
  } nodes[] = {{"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}, {"dev/urandom", 9}};
  must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k"));
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
    must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(1, nodes[i].minor)));
  must(mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)));
  must(mkdir("dev/pts", 0755));
  must(mkdir("dev/shm", 0755));
  must(mkdir("dev/mqueue", 0755));
  must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
  must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k"));
  must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
  must(symlink("pts/ptmx", "dev/ptmx"));
  must(symlink("/proc/self/fd", "dev/fd"));
  must(symlink("/proc/self/fd/0", "dev/stdin"));
  must(symlink("/proc/self/fd/1", "dev/stdout"));
  must(symlink("/proc/self/fd/2", "dev/stderr"));
}

static void cover_paths(void) {
  static const char* files[] = {"proc/kcore", "proc/keys", "proc/timer_list"};
  static const char* folders[] = {"proc/acpi", "proc/scsi", "sys/firmware"};
  static const char* read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
  const int hard = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) mount("dev/null", files[i], NULL, MS_BIND, NULL);
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    mount("tmpfs", folders[i], "tmpfs", MS_RDONLY, NULL);
  for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++) {
    if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) && errno == ENOENT) continue;
    must(mount(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | hard, NULL));
  }
}

static void drop_capabilities(void) {
  const uint64_t kept = 0xa80425fb;  // Docker's fourteen
  for (int i = 0; i <= 40; i++)
    if (!(kept >> i & 1)) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{(uint32_t)kept, (uint32_t)kept, 0}, {0, 0, 0}};
  must(syscall(SYS_capset, &header, data));
}

// About as long as Docker's list as a binary tree: 400 instructions, of which a call passes few.
static void confine(void) {
  static struct sock_filter code[400];
  const size_t count = sizeof code / sizeof *code;
  code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
  code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, count - 3, 0, 0);
  for (size_t i = 2; i < count - 1; i++)
    code[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 0);
  code[count - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {count, code};
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static void become_container(const char* rootfs, char* program) {
  const int hard = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  for (int i = 0; i < group_count; i++) must(write(tasks[i], "0", 1));
  must(unshare(CLONE_NEWCGROUP));
  must(setsid());
  must(sethostname("floor", 5));
  must(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL));
  mount_root(rootfs);
  must(mount("proc", "proc", "proc", hard, NULL));
  must(mount("sysfs", "sys", "sysfs", hard | MS_RDONLY, NULL));
  fill_dev();
  cover_paths();
  must(syscall(SYS_pivot_root, ".", "."));
  must(umount2(".", MNT_DETACH));
  must(chdir("/"));
  drop_capabilities();
  confine();
  char *argv[] = {program, NULL}, *envp[] = {"PATH=/bin", NULL};
  execve(program, argv, envp);
  fail(program);
}

// What a volatile overlay leaves in its work directory.
static void remove_work(void) {
  static const char* left[] = {"work/incompat/volatile/dirty", "work/incompat/volatile", "work/incompat",
                               "work", ""};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", work, left[i]);
    must(remove(path));
  }
}

static void start_once(const char* rootfs, char* program) {
  must(mkdir(upper, 0755));
  must(mkdir(work, 0755));
  make_groups();
  struct clone_args args = {
      .exit_signal = SIGCHLD,
      .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
  };
  pid_t pid = syscall(SYS_clone3, &args, sizeof args);
  must(pid);
  if (pid == 0) become_container(rootfs, program);
  int status;
  must(waitpid(pid, &status, 0));
  remove_groups();
  must(rmdir(upper));
  remove_work();
  if (status != 0) fail("the program");
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  snprintf(upper, sizeof upper, "%s/upper", argv[2]);
  snprintf(work, sizeof work, "%s/work", argv[2]);
  snprintf(mountpoint, sizeof mountpoint, "%s/root", argv[2]);
  must(mkdir(mountpoint, 0755));
  find_groups();
  for (int c; (c = getchar()) != EOF;) {
    if (c != '\n') continue;
    long long began = now();
    start_once(argv[1], argv[3]);
    printf("%lld\n", now() - began);
    fflush(stdout);
  }
  rmdir(mountpoint);
  return 0;
}
