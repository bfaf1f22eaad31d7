#include "seccomp/names.h"

#include <algorithm>
#include <span>
#include <utility>

namespace strake::seccomp {
namespace {

template <typename Value>
using Row = std::pair<std::string_view, Value>;

constexpr Row<Action> actions[] = {
    {"SCMP_ACT_ALLOW", Action::allow},     {"SCMP_ACT_ERRNO", Action::errnoReturn},
    {"SCMP_ACT_KILL", Action::killThread}, {"SCMP_ACT_KILL_PROCESS", Action::killProcess},
    {"SCMP_ACT_LOG", Action::log},         {"SCMP_ACT_KILL_THREAD", Action::killThread},
    {"SCMP_ACT_NOTIFY", Action::notify},   {"SCMP_ACT_TRACE", Action::trace},
    {"SCMP_ACT_TRAP", Action::trap},
};

constexpr Row<Op> operators[] = {
    {"SCMP_CMP_EQ", Op::equal},    {"SCMP_CMP_GE", Op::greaterEqual},
    {"SCMP_CMP_GT", Op::greater},  {"SCMP_CMP_LE", Op::lessEqual},
    {"SCMP_CMP_LT", Op::less},     {"SCMP_CMP_MASKED_EQ", Op::maskedEqual},
    {"SCMP_CMP_NE", Op::notEqual},
};

template <typename Value>
std::optional<Value> find(std::span<const Row<Value>> table, std::string_view name) {
  const auto row = std::ranges::find(table, name, &Row<Value>::first);
  return row == table.end() ? std::nullopt : std::optional(row->second);
}

template <typename Value>
std::vector<std::string_view> namesOf(std::span<const Row<Value>> table) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : table) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::optional<Action> actionNamed(std::string_view name) {
  return find<Action>(actions, name);
}
std::optional<Op> operatorNamed(std::string_view name) {
  return find<Op>(operators, name);
}
std::vector<std::string_view> actionNames() {
  return namesOf<Action>(actions);
}
std::vector<std::string_view> operatorNames() {
  return namesOf<Op>(operators);
}

}  // namespace strake::seccomp
