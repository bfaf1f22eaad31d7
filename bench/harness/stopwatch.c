// Times programs without a big parent's cost of starting them: a request on stdin is "ARGC\n" and then each
// argument NUL-terminated; the answer on stdout is "NANOSECONDS STATUS\n", from vfork until the process has
// been reaped. The program's input and output are /dev/null, its errors ours. Ends with its input.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Nanoseconds, of all that it waited for as well. */
static long long cpu_of(const struct rusage* usage) {
  long long seconds = usage->ru_utime.tv_sec + usage->ru_stime.tv_sec;
  return seconds * 1000000000LL + (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000LL;
}

static char** read_request(void) {
  int count;
  if (scanf("%d", &count) != 1 || getchar() != '\n') return NULL;
  char** argv = calloc(count + 1, sizeof *argv);
  for (int i = 0; i < count; i++) {
    size_t size = 0;
    if (getdelim(&argv[i], &size, 0, stdin) <= 0) exit(2);
  }
  return argv;
}

static void free_request(char** argv) {
  for (char** word = argv; *word; word++) free(*word);
  free(argv);
}

int main(void) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  char** argv;
  while ((argv = read_request())) {
    int status = 0;
    long long began = now();
    pid_t pid = vfork();
    if (pid == 0) {
      dup2(null, 0);
      dup2(null, 1);
      execvp(argv[0], argv);
      _exit(127);
    }
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) return 1;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("%lld %d %lld %ld\n", now() - began, code, cpu_of(&usage), usage.ru_maxrss);
    fflush(stdout);
    free_request(argv);
  }
  return 0;
}
