#include "cgroup/stats.h"

#include <algorithm>
#include <cstdlib>

#include "cgroup/files.h"

namespace strake::cgroup {
namespace {

/// v1: "8:0 Read 4096" lines, several for each device; the last line is the total of all.
void addV1Io(const std::string& text, uint64_t& reads, uint64_t& writes) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    at = end + 1;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    reads += keyedNumber(line.substr(space + 1), "Read");
    writes += keyedNumber(line.substr(space + 1), "Write");
  }
}

/// v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …", one line for each device.
uint64_t v2Io(const std::string& text, std::string_view key) {
  uint64_t total = 0;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1))
    total += std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
  return total;
}

}  // namespace

Stats v1Stats(const std::function<std::string(const char*, const char*)>& file) {
  Stats stats;
  const auto text = [&](const char* controller, const char* name) {
    return readFile(file(controller, name)).value_or("");
  };
  const auto number = [&](const char* controller, const char* name) {
    return readNumber(file(controller, name)).value_or(0);
  };
  stats.cpuUsageNs = number("cpuacct", "cpuacct.usage");
  stats.cpuUserNs = number("cpuacct", "cpuacct.usage_user");
  stats.cpuSystemNs = number("cpuacct", "cpuacct.usage_sys");
  const std::string cpu = text("cpu", "cpu.stat");
  stats.periods = keyedNumber(cpu, "nr_periods");
  stats.throttledPeriods = keyedNumber(cpu, "nr_throttled");
  stats.throttledNs = keyedNumber(cpu, "throttled_time");
  const std::string memory = text("memory", "memory.stat");
  stats.memoryUsage = number("memory", "memory.usage_in_bytes");
  stats.memoryLimit = number("memory", "memory.limit_in_bytes");
  stats.memoryMax = number("memory", "memory.max_usage_in_bytes");
  stats.memoryCache = keyedNumber(memory, "total_inactive_file");
  stats.swapUsage = keyedNumber(memory, "total_swap");
  stats.pids = number("pids", "pids.current");
  stats.pidsLimit = number("pids", "pids.max");
  addV1Io(text("blkio", "blkio.throttle.io_service_bytes_recursive"), stats.readBytes, stats.writeBytes);
  addV1Io(text("blkio", "blkio.throttle.io_serviced_recursive"), stats.readOps, stats.writeOps);
  return stats;
}

Stats v2Stats(const std::string& directory) {
  Stats stats;
  const auto text = [&](const char* name) { return readFile(directory + "/" + name).value_or(""); };
  const auto number = [&](const char* name) { return readNumber(directory + "/" + name).value_or(0); };
  const std::string cpu = text("cpu.stat");
  stats.cpuUsageNs = keyedNumber(cpu, "usage_usec") * 1000;
  stats.cpuUserNs = keyedNumber(cpu, "user_usec") * 1000;
  stats.cpuSystemNs = keyedNumber(cpu, "system_usec") * 1000;
  stats.periods = keyedNumber(cpu, "nr_periods");
  stats.throttledPeriods = keyedNumber(cpu, "nr_throttled");
  stats.throttledNs = keyedNumber(cpu, "throttled_usec") * 1000;
  stats.memoryUsage = number("memory.current");
  stats.memoryLimit = number("memory.max");
  stats.memoryMax = number("memory.peak");
  stats.memoryCache = keyedNumber(text("memory.stat"), "inactive_file");
  stats.swapUsage = number("memory.swap.current");
  stats.pids = number("pids.current");
  stats.pidsLimit = number("pids.max");
  const std::string io = text("io.stat");
  stats.readBytes = v2Io(io, "rbytes=");
  stats.writeBytes = v2Io(io, "wbytes=");
  stats.readOps = v2Io(io, "rios=");
  stats.writeOps = v2Io(io, "wios=");
  stats.oomKills = keyedNumber(text("memory.events"), "oom_kill");  // of child groups too
  return stats;
}

}  // namespace strake::cgroup
