#include "runtime/cpu_list.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

#include "sys/error.h"

namespace strake::runtime {
namespace {

constexpr unsigned largest = 8191;  // CONFIG_NR_CPUS at its highest

[[noreturn]] void refuse(const std::string& list) {
  throw sys::Error("ERR_SPEC_INVALID", "\"" + list + "\" is not a list of processors like 0-3,7");
}

unsigned takeNumber(const char*& at, const char* end, const std::string& list) {
  unsigned number = 0;
  auto [rest, error] = std::from_chars(at, end, number);
  if (error != std::errc() || number > largest) refuse(list);
  at = rest;
  return number;
}

}  // namespace

std::vector<unsigned> parseCpuList(const std::string& list) {
  std::vector<unsigned> cpus;
  const char* at = list.data();
  const char* end = at + list.size();
  while (at < end) {
    unsigned first = takeNumber(at, end, list), last = first;
    if (at < end && *at == '-') last = takeNumber(++at, end, list);
    if (last < first) refuse(list);
    for (unsigned cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (at < end && *at++ != ',') refuse(list);
    if (cpus.size() > largest + 1) refuse(list);
  }
  return cpus;
}

void setAffinity(const std::string& list) {
  if (list.empty()) return;
  constexpr unsigned bits = 8 * sizeof(unsigned long);
  unsigned long mask[(largest + 1) / bits] = {};
  for (unsigned cpu : parseCpuList(list)) mask[cpu / bits] |= 1UL << (cpu % bits);
  sys::check(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask), "sched_setaffinity", list);
}

}  // namespace strake::runtime
