#include "oci-runtime/statistics_files.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "cgroup/files.h"

namespace strake::oci_runtime {
namespace {

using Counts = std::vector<DeviceCount>;

/// v1: "8:0 Read 4096", several lines for each device; the last line, without one, is the total of all.
Counts v1Counts(const std::string& text) {
  Counts counts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    DeviceCount count;
    char operation[32];
    if (std::sscanf(line.c_str(), "%lu:%lu %31s %lu", &count.major, &count.minor, operation, &count.value) !=
        4)
      continue;
    count.operation = operation;
    counts.push_back(std::move(count));
  }
  return counts;
}

/// v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6", one line for each device.
void addV2Device(const std::string& line, BlockIo& io) {
  std::istringstream words(line);
  std::string word;
  DeviceCount device;
  if (!(words >> word) || std::sscanf(word.c_str(), "%lu:%lu", &device.major, &device.minor) != 2) return;
  static constexpr std::pair<char, const char*> kinds[] = {{'r', "Read"}, {'w', "Write"}, {'d', "Discard"}};
  while (words >> word) {
    const size_t equals = word.find('=');
    const auto kind = std::ranges::find(kinds, word[0], &std::pair<char, const char*>::first);
    if (equals == std::string::npos || kind == std::end(kinds)) continue;
    const std::string unit = word.substr(1, equals - 1);
    device.operation = kind->second;
    device.value = std::strtoull(word.c_str() + equals + 1, nullptr, 10);
    if (unit == "bytes") io.bytes.push_back(device);
    if (unit == "ios") io.operations.push_back(device);
  }
}

/// Where the BFQ scheduler is in use, it alone counts on v1.
Counts v1Io(const cgroup::Cgroup& group, const std::string& what) {
  Counts counts = v1Counts(textOf(group, "blkio.bfq." + what + "_recursive"));
  return counts.empty() ? v1Counts(textOf(group, "blkio.throttle." + what + "_recursive")) : counts;
}

/// "2MB" of a directory "hugepages-2048kB".
std::string sizeName(uint64_t kilobytes) {
  if (kilobytes >= 1 << 20) return std::to_string(kilobytes >> 20) + "GB";
  return kilobytes >= 1 << 10 ? std::to_string(kilobytes >> 10) + "MB" : std::to_string(kilobytes) + "KB";
}

std::vector<std::string> hugePageSizes() {
  std::vector<std::string> sizes;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/sys/kernel/mm/hugepages"), ::closedir);
  unsigned long kilobytes = 0;
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr)
    if (std::sscanf(entry->d_name, "hugepages-%lukB", &kilobytes) == 1) sizes.push_back(sizeName(kilobytes));
  std::ranges::sort(sizes);
  return sizes;
}

uint64_t numberOf(const cgroup::Cgroup& group, const std::string& name) {
  return std::strtoull(textOf(group, name).c_str(), nullptr, 10);
}

}  // namespace

std::string textOf(const cgroup::Cgroup& group, const std::string& name) {
  for (const cgroup::Directory& directory : group.directories())
    if (auto text = cgroup::readFile(directory.path + "/" + name)) return *text;
  return "";
}

BlockIo blockIoOf(const cgroup::Cgroup& group) {
  BlockIo io{v1Io(group, "io_service_bytes"), v1Io(group, "io_serviced")};
  std::istringstream lines(textOf(group, "io.stat"));
  for (std::string line; std::getline(lines, line);) addV2Device(line, io);
  return io;
}

std::vector<HugePages> hugePagesOf(const cgroup::Cgroup& group) {
  std::vector<HugePages> all;
  for (const std::string& size : hugePageSizes()) {
    const std::string name = "hugetlb." + size;
    if (!textOf(group, name + ".usage_in_bytes").empty())
      all.push_back({size, numberOf(group, name + ".usage_in_bytes"),
                     numberOf(group, name + ".max_usage_in_bytes"), numberOf(group, name + ".failcnt")});
    else if (!textOf(group, name + ".current").empty())
      all.push_back({size, numberOf(group, name + ".current"), 0,
                     cgroup::keyedNumber(textOf(group, name + ".events"), "max")});
  }
  return all;
}

std::optional<Pressures> pressureOf(const cgroup::Cgroup& group, const std::string& resource) {
  Pressures pressures;
  bool any = false;
  std::istringstream lines(textOf(group, resource + ".pressure"));
  for (std::string line; std::getline(lines, line);) {
    Pressure& kind = line.starts_with("full") ? pressures.full : pressures.some;
    any |= std::sscanf(line.c_str(), "%*s avg10=%lf avg60=%lf avg300=%lf total=%lu", &kind.avg10, &kind.avg60,
                       &kind.avg300, &kind.total) == 4;
  }
  return any ? std::optional(pressures) : std::nullopt;
}

}  // namespace strake::oci_runtime
