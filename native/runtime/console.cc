#include "runtime/console.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "sys/detached_mount.h"
#include "sys/error.h"
#include "sys/in_root.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

namespace strake::runtime {
namespace {

void requirePtmx(int fd) {
  struct statfs fs;
  struct stat info;
  sys::check(fstatfs(fd, &fs), "fstatfs", "/dev/pts/ptmx");
  sys::check(fstat(fd, &info), "fstat", "/dev/pts/ptmx");
  if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(info.st_mode) || info.st_rdev != makedev(5, 2))
    throw sys::Error("ERR_MOUNT_UNSAFE",
                     "a terminal needs a devpts mounted at /dev/pts, and something else is there");
}

void resize(int master, const ConsoleSize& size) {
  if (size.rows == 0 && size.columns == 0) return;
  winsize window{size.rows, size.columns, 0, 0};
  sys::check(ioctl(master, TIOCSWINSZ, &window), "TIOCSWINSZ", "pty");
}

}  // namespace

Console openConsole(int root, const ConsoleSize& size) {
  // Looked at as a path first: opening a device that is none of ours could have effects.
  requirePtmx(sys::openInRoot(root, "/dev/pts/ptmx", O_PATH, RESOLVE_NO_SYMLINKS).get());
  Console console;
  console.master = sys::openInRoot(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
  requirePtmx(console.master.get());
  int unlocked = 0;
  sys::check(ioctl(console.master.get(), TIOCSPTLCK, &unlocked), "TIOCSPTLCK", "pty");
  console.slave = sys::UniqueFd(sys::check(
      ioctl(console.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "TIOCGPTPEER", "pty"));
  resize(console.master.get(), size);
  return console;
}

// A link of the image could have the terminal cover a file of /proc (CVE-2025-52565).
void bindConsole(int root, const Console& console) {
  sys::UniqueFd tree = sys::cloneTree(console.slave.get(), "", false);
  sys::UniqueFd target = sys::tryOpenInRoot(root, "/dev/console", O_PATH, RESOLVE_NO_SYMLINKS);
  if (!target && errno == ELOOP)
    throw sys::Error("ERR_MOUNT_UNSAFE", "/dev/console is a symbolic link inside the root file system");
  if (!target) target = sys::makeMountPoint(root, "/dev/console", false);
  sys::attachMount(tree.get(), target.get(), "/dev/console");
}

void useConsole(const Console& console, uint32_t uid) {
  int slave = console.slave.get();
  sys::check(ioctl(slave, TIOCSCTTY, 0), "TIOCSCTTY", "pty");
  sys::check(fchown(slave, uid, static_cast<gid_t>(-1)), "chown", "pty");
  for (int fd = 0; fd <= 2; ++fd) sys::check(dup2(slave, fd), "dup2", "pty");
}

}  // namespace strake::runtime
