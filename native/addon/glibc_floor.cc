// One binary for glibc 2.35 and later (Ubuntu 22.04, Debian 12), though it is linked on a newer one: the
// statically linked libstdc++ refers to a newer symbol, whose place a hidden definition of ours takes.
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

/// glibc 2.36; std::random_device. Aborts like glibc's own when the kernel gives no randomness.
extern "C" uint32_t arc4random() {
  uint32_t value = 0;
  if (getrandom(&value, sizeof value, 0) != sizeof value) abort();
  return value;
}
