#include <unistd.h>

#include <cstdlib>

#include "oci-runtime/commands.h"
#include "oci-runtime/resources.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

constexpr size_t maxInput = 1 << 20;

const std::vector<Flag> updateFlags = {
    {{"resources", "r"}, true},     {{"blkio-weight"}, true},   {{"cpu-period"}, true},
    {{"cpu-quota"}, true},          {{"cpu-burst"}, true},      {{"cpu-share"}, true},
    {{"cpu-rt-period"}, true},      {{"cpu-rt-runtime"}, true}, {{"cpu-idle"}, true},
    {{"cpuset-cpus"}, true},        {{"cpuset-mems"}, true},    {{"memory"}, true},
    {{"memory-reservation"}, true}, {{"memory-swap"}, true},    {{"kernel-memory"}, true},
    {{"kernel-memory-tcp"}, true},  {{"pids-limit"}, true},     {{"l3-cache-schema"}, true},
    {{"mem-bw-schema"}, true}};

std::string readInput() {
  std::string text;
  char part[4096];
  for (ssize_t n; (n = ::read(STDIN_FILENO, part, sizeof part)) != 0;) {
    if (n < 0 && errno != EINTR) sys::throwErrno("read", "standard input");
    if (n > 0) text.append(part, static_cast<size_t>(n));
    if (text.size() > maxInput) throw sys::SysError(EFBIG, "read", "standard input");
  }
  return text;
}

[[noreturn]] void invalid(const char* flag, const std::string& text) {
  throw sys::Error("ERR_INVALID_ARGUMENT", "--" + std::string(flag) + ": invalid value \"" + text + "\"");
}

/// 1024 to the power that "k", "m", "g" or "t" stands for, with "b" or "ib" after it.
int64_t unitOf(const char* flag, const std::string& text, std::string unit) {
  for (char& letter : unit) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  const size_t power = std::string_view("bkmgt").find(unit.empty() ? 'b' : unit[0]);
  const std::string rest = unit.empty() ? "" : unit.substr(1);
  if (power == std::string_view::npos || !(rest.empty() || (power > 0 && (rest == "b" || rest == "ib"))))
    invalid(flag, text);
  return int64_t{1} << (10 * power);
}

template <typename Integer>
void take(const Options& options, const char* flag, std::optional<Integer>& limit, bool units = false) {
  if (!options.has(flag)) return;
  const std::string text = options.value(flag);
  char* end = nullptr;
  errno = 0;
  const int64_t number = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || end == text.c_str() || errno != 0 || (!units && *end != '\0')) invalid(flag, text);
  int64_t value = 0;
  if (__builtin_mul_overflow(number, *end == '\0' ? 1 : unitOf(flag, text, end), &value) ||
      !std::in_range<Integer>(value))
    invalid(flag, text);
  limit = static_cast<Integer>(value);
}

void refuse(const Options& options) {
  for (const char* flag : {"l3-cache-schema", "mem-bw-schema"})
    if (!options.value(flag).empty())
      throw sys::Error("ERR_NOT_IMPLEMENTED",
                       "--" + std::string(flag) + " is not supported (Intel RDT): leave it out");
}

cgroup::Resources fromFlags(const Options& options) {
  refuse(options);
  cgroup::Resources resources;
  auto& cpu = resources.cpu;
  auto& memory = resources.memory;
  take(options, "blkio-weight", resources.blkio.weight);
  take(options, "cpu-period", cpu.period);
  take(options, "cpu-quota", cpu.quota);
  take(options, "cpu-burst", cpu.burst);
  take(options, "cpu-share", cpu.shares);
  take(options, "cpu-rt-period", cpu.realtimePeriod);
  take(options, "cpu-rt-runtime", cpu.realtimeRuntime);
  take(options, "cpu-idle", cpu.idle);
  take(options, "memory", memory.limit, true);
  take(options, "memory-reservation", memory.reservation, true);
  take(options, "memory-swap", memory.swap, true);
  take(options, "kernel-memory", memory.kernel, true);
  take(options, "kernel-memory-tcp", memory.kernelTcp, true);
  take(options, "pids-limit", resources.pidsLimit);
  cpu.cpus = options.value("cpuset-cpus");
  cpu.mems = options.value("cpuset-mems");
  return resources;
}

cgroup::Resources asked(const Options& options) {
  if (!options.has("resources")) return fromFlags(options);
  const std::string path = options.value("resources");
  cgroup::Resources resources = runtime::parseResources(path == "-" ? readInput() : sys::readDocument(path));
  resources.devices.clear();  // engines send the container's whole resources; devices stay as created (runc)
  return resources;
}

}  // namespace

int update(const Global& global, Words words) {
  const Options options(words, updateFlags, containerId);
  Container container = Container::open(global.root, options.operand(0));
  container.lock();
  if (container.status() == "stopped")
    throw sys::Error("ERR_CONTAINER_STATE", "cannot update a container that has stopped");
  container.groupFor("update")->update(withoutZeros(asked(options)));
  return 0;
}

}  // namespace strake::oci_runtime
