#include "addon/async.h"
#include "addon/convert.h"
#include "addon/rooms.h"
#include "cgroup/cgroup.h"
#include "runtime/spec.h"

namespace strake::addon {

namespace {

using cgroup::Cgroup;

Napi::Value cgroupLayout(const Napi::CallbackInfo& info) {
  const char* names[] = {"none", "v1", "hybrid", "v2"};
  return Napi::String::New(info.Env(), names[static_cast<size_t>(cgroup::layout())]);
}

Napi::Value cgroupDelegation(const Napi::CallbackInfo& info) {
  Napi::Object delegation = Napi::Object::New(info.Env());
  delegation.Set("delegated", Napi::Boolean::New(info.Env(), cgroup::delegated()));
  delegation.Set("controllers", toArray(info.Env(), cgroup::delegatedControllers()));
  return delegation;
}

template <void (Cgroup::*Verb)()>
Napi::Value applied(const Napi::CallbackInfo& info) {
  return async(info.Env(), [path = text(info, 0)] { (Cgroup::open(path).get()->*Verb)(); });
}

/// The wait for the dying can take seconds: not on the shared threads.
Napi::Value killCgroup(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), Thread::own, [path = text(info, 0)] { Cgroup::open(path)->kill(); },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

Napi::Value cgroupProcesses(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), [path = text(info, 0)] { return Cgroup::open(path)->processes(); },
      [](Napi::Env env, const std::vector<int>& pids) {
        Napi::Array array = Napi::Array::New(env, pids.size());
        for (uint32_t i = 0; i < pids.size(); ++i) array.Set(i, Napi::Number::New(env, pids[i]));
        return array;
      });
}

Napi::Value updateCgroup(const Napi::CallbackInfo& info) {
  return async(info.Env(), [path = text(info, 0), resources = runtime::parseResources(text(info, 1))] {
    Cgroup::open(path)->update(resources);
  });
}

Napi::Object statsObject(Napi::Env env, const cgroup::Stats& stats) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) {
    object.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("cpuUsage", stats.cpuUsageNs);
  set("cpuUser", stats.cpuUserNs);
  set("cpuSystem", stats.cpuSystemNs);
  set("periods", stats.periods);
  set("throttledPeriods", stats.throttledPeriods);
  set("throttledTime", stats.throttledNs);
  set("memoryUsage", stats.memoryUsage);
  set("memoryLimit", stats.memoryLimit);
  set("memoryPeak", stats.memoryMax);
  set("memoryCache", stats.memoryCache);
  set("swapUsage", stats.swapUsage);
  set("pids", stats.pids);
  set("pidsLimit", stats.pidsLimit);
  set("readBytes", stats.readBytes);
  set("writeBytes", stats.writeBytes);
  set("readOperations", stats.readOps);
  set("writeOperations", stats.writeOps);
  set("oomKills", stats.oomKills);
  return object;
}

Napi::Value cgroupStats(const Napi::CallbackInfo& info) {
  return async(
      info.Env(), [path = text(info, 0)] { return Cgroup::open(path)->stats(); }, statsObject);
}

}  // namespace

void registerCgroup(Napi::Env env, Napi::Object exports) {
  exports.Set("cgroupLayout", entry<cgroupLayout>(env, "cgroupLayout"));
  exports.Set("cgroupDelegation", entry<cgroupDelegation>(env, "cgroupDelegation"));
  exports.Set("freezeCgroup", entry<applied<&Cgroup::freeze>>(env, "freezeCgroup"));
  exports.Set("thawCgroup", entry<applied<&Cgroup::thaw>>(env, "thawCgroup"));
  exports.Set("killCgroup", entry<killCgroup>(env, "killCgroup"));
  exports.Set("removeCgroup", entry<applied<&Cgroup::remove>>(env, "removeCgroup"));
  exports.Set("cgroupProcesses", entry<cgroupProcesses>(env, "cgroupProcesses"));
  exports.Set("updateCgroup", entry<updateCgroup>(env, "updateCgroup"));
  exports.Set("cgroupStats", entry<cgroupStats>(env, "cgroupStats"));
}

}  // namespace strake::addon
