#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "oci-runtime/commands.h"
#include "oci-runtime/statistics.h"
#include "sys/error.h"
#include "sys/process.h"

namespace strake::oci_runtime {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds oomPeriod{200};  // how late an OOM kill may be told

/// A Go duration: "5s", "1m30s", "250ms", "1.5h". At least a millisecond.
milliseconds parseDuration(const std::string& text) {
  static constexpr std::pair<std::string_view, double> units[] = {{"ms", 1},  {"us", 1e-3}, {"ns", 1e-6},
                                                                  {"s", 1e3}, {"m", 6e4},   {"h", 3.6e6}};
  double total = 0;
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const double count = std::strtod(at, &end);
    const auto unit = std::ranges::find_if(
        units, [&](const auto& row) { return std::string_view(end).starts_with(row.first); });
    if (end == at || unit == std::end(units)) break;
    total += count * unit->second;
    at = end + unit->first.size();
  }
  if (*at != '\0' || !(total >= 1 && total < 1e12))
    throw sys::Error("ERR_INVALID_ARGUMENT",
                     "--interval: expected a duration like 5s or 250ms, not \"" + text + "\"");
  return milliseconds(static_cast<int64_t>(total));
}

bool endsWithin(const sys::UniqueFd& init, milliseconds time) {
  pollfd ended{init.get(), POLLIN, 0};
  return ::poll(&ended, 1, static_cast<int>(time.count())) > 0;
}

/// The statistics at every interval, and each OOM kill, until the container ends.
void follow(const Container& container, const sys::UniqueFd& init, milliseconds interval) {
  const std::string& id = container.record().id;
  const auto group = container.groupFor("events");
  uint64_t told = group->oomKills();
  auto due = Clock::now();
  for (bool ended = false; !ended;) {
    const auto left = std::chrono::ceil<milliseconds>(due - Clock::now());
    ended = endsWithin(init, std::clamp(left, milliseconds(0), oomPeriod));
    for (const uint64_t kills = group->oomKills(); told < kills; ++told)
      print(R"({"type":"oom","id":")" + id + "\"}\n");
    if (ended || Clock::now() < due) continue;
    print(statisticsJson(id, *group));
    due = Clock::now() + interval;
  }
}

}  // namespace

int events(const Global& global, Words words) {
  const Options options(words, {{{"interval"}, true}, {{"stats"}}}, containerId);
  const milliseconds interval = parseDuration(options.value("interval", "5s"));
  const Container container = Container::open(global.root, options.operand(0));
  const Record& record = container.record();
  const sys::UniqueFd init =
      record.pid == 0 ? sys::UniqueFd() : sys::openProcess(record.pid, record.pidStart);
  if (!init) throw sys::Error("ERR_CONTAINER_STATE", "container with id " + record.id + " is not running");
  if (options.enabled("stats"))
    print(statisticsJson(record.id, *container.groupFor("events")));
  else
    follow(container, init, interval);
  return 0;
}

}  // namespace strake::oci_runtime
