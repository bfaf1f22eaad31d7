// Docker's default profile: judged by libseccomp call by call, measured, and installed for real in a child.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <poll.h>
#include <rapidjson/document.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>
#include <sstream>

#include "seccomp_interpreter.h"
#include "seccomp_oracle.h"

namespace {

using namespace strake;
using namespace strake::seccomp;
using namespace strake::test;
using Clock = std::chrono::steady_clock;

Op opOf(const std::string& name) {
  const std::pair<const char*, Op> ops[] = {{"SCMP_CMP_EQ", Op::equal},
                                            {"SCMP_CMP_LT", Op::less},
                                            {"SCMP_CMP_GT", Op::greater},
                                            {"SCMP_CMP_MASKED_EQ", Op::maskedEqual}};
  for (const auto& [text, op] : ops) {
    if (name == text) return op;
  }
  throw std::runtime_error("operator " + name);
}

SyscallRule ruleOf(const rapidjson::Value& json) {
  SyscallRule rule;
  for (const auto& name : json["names"].GetArray()) rule.names.emplace_back(name.GetString());
  rule.action =
      std::string(json["action"].GetString()) == "SCMP_ACT_ALLOW" ? Action::allow : Action::errnoReturn;
  if (json.HasMember("errnoRet")) rule.errnoRet = json["errnoRet"].GetUint();
  if (!json.HasMember("args")) return rule;
  for (const auto& arg : json["args"].GetArray()) {
    rule.args.push_back({arg["index"].GetUint(), arg["value"].GetUint64(),
                         arg.HasMember("valueTwo") ? arg["valueTwo"].GetUint64() : 0,
                         opOf(arg["op"].GetString())});
  }
  return rule;
}

/// What lib/containers/default-seccomp.ts makes for the default capabilities on x86_64.
Profile defaultProfile() {
  const std::string file = STRAKE_TEST_FIXTURES "/default-seccomp.json";
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  rapidjson::Document json;
  json.Parse(text.str().c_str());
  if (json.HasParseError()) throw std::runtime_error("cannot read " + file);
  Profile profile;
  profile.defaultAction = Action::errnoReturn;
  profile.defaultErrnoRet = json["defaultErrnoRet"].GetUint();
  for (const auto& arch : json["architectures"].GetArray())
    profile.architectures.emplace_back(arch.GetString());
  for (const auto& rule : json["syscalls"].GetArray()) profile.syscalls.push_back(ruleOf(rule));
  return profile;
}

TEST(SeccompDefault, DockersProfileAnswersAsLibseccompDoes) {
  const Profile profile = defaultProfile();
  const auto ours = compileFor(profile, Arch::x86_64).program;
  const auto theirs = oracle(profile, kX86);
  std::mt19937_64 random(3);
  const uint64_t values[] = {
      0,           1,       8,          16,         38, 39,       40,         41,
      0x20000,     0x20008, 0x7e020000, 0x10000000, 17, 0x3d0f00, 0xffffffff, uint64_t{1} << 32,
      ~uint64_t{0}};
  const std::tuple<uint32_t, uint32_t, uint32_t> ranges[] = {
      {AUDIT_ARCH_X86_64, 0, 450},
      {AUDIT_ARCH_X86_64, 0x40000000, 0x40000000 + 450},
      {AUDIT_ARCH_I386, 0, 450}};
  for (const auto& [audit, first, last] : ranges) {
    for (uint32_t number = first; number <= last; ++number) {
      if (audit == AUDIT_ARCH_X86_64 && number == 335) continue;  // uretprobe is newer than libseccomp 2.5
      for (int round = 0; round < 20; ++round) {
        seccomp_data data{static_cast<int>(number), audit, 0, {}};
        for (auto& arg : data.args)
          arg = values[random() % std::size(values)] & (audit == AUDIT_ARCH_I386 ? 0xffffffff : ~0ul);
        ASSERT_EQ(run(ours, data), run(theirs, data))
            << std::hex << audit << " " << std::dec << number << " " << data.args[0];
      }
    }
  }
}

template <typename F>
double medianMicroseconds(int rounds, F&& act) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    act();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<size_t>(rounds) / 2];
}

TEST(SeccompDefault, DockersProfileCompilesFarBelowAMillisecond) {
  const Profile profile = defaultProfile();
  const size_t instructions = compileFor(profile, Arch::x86_64).program.size();
  const double time = medianMicroseconds(200, [&] { compileFor(profile, Arch::x86_64); });
  RecordProperty("microseconds", std::to_string(time));
  std::cout << "compile " << time << " us, " << instructions << " instructions\n";
  EXPECT_LT(instructions, 800u);
  EXPECT_LT(time, 1000);  // the goal is 150; a busy machine is no failure
}

/// Runs `body` in a child under the filter; returns its exit code, or 1000 + the signal.
int under(const Filter& filter, const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (const int error = install(filter); error < 0) ::_exit(200);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int errnoOf(long result) {
  return result < 0 ? errno : 0;
}

TEST(SeccompDefault, AChildUnderDockersProfileCanDoWhatItListsAndNoMore) {
  const Filter filter = compile(defaultProfile());
  EXPECT_EQ(under(filter, [] { return errnoOf(::getppid()); }), 0);
  EXPECT_EQ(under(filter, [] { return errnoOf(::unshare(CLONE_NEWNS)); }), EPERM);
  EXPECT_EQ(under(filter, [] { return errnoOf(::syscall(SYS_keyctl, 0, 0)); }), EPERM);
  EXPECT_EQ(under(filter, [] { return errnoOf(::socket(AF_INET, SOCK_STREAM, 0)); }), 0);
  EXPECT_EQ(under(filter, [] { return errnoOf(::socket(AF_VSOCK, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(under(filter, [] { return errnoOf(::syscall(SYS_clone3, nullptr, 0)); }), ENOSYS);
  EXPECT_EQ(under(filter, [] { return errnoOf(::syscall(999)); }), ENOSYS);
  EXPECT_EQ(under(filter, [] { return errnoOf(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }),
            EPERM);
  EXPECT_EQ(under(filter,
                  [] {
                    const pid_t child = ::fork();
                    if (child == 0) ::_exit(7);
                    int status = 0;
                    ::waitpid(child, &status, 0);
                    return WEXITSTATUS(status);
                  }),
            7);
}

TEST(SeccompDefault, InstallingDockersProfileIsMeasured) {
  const Filter filter = compile(defaultProfile());
  const int pipeSize = 8;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::vector<double> times;
  for (int i = 0; i < 40; ++i) {
    under(filter, [] { return 0; });
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const auto start = Clock::now();
      const int result = install(filter);
      const double time = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
      ::_exit(result < 0 || ::write(ends[1], &time, pipeSize) != pipeSize);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    ASSERT_EQ(status, 0);
    double time = 0;
    ASSERT_EQ(::read(ends[0], &time, pipeSize), pipeSize);
    times.push_back(time);
  }
  std::sort(times.begin(), times.end());
  std::cout << "install " << times[times.size() / 2] << " us\n";
  EXPECT_LT(times[times.size() / 2], 5000);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(SeccompInstall, AKilledCallKills) {
  Profile profile;
  profile.syscalls = {{{"getppid"}, Action::killProcess, {}, {}}};
  EXPECT_EQ(under(compile(profile), [] { return static_cast<int>(::syscall(SYS_getppid)); }), 1000 + SIGSYS);
}

TEST(SeccompInstall, FlagsReachTheKernel) {
  Profile profile;
  profile.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
  const Filter filter = compile(profile);
  EXPECT_EQ(filter.flags, unsigned{SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW});
  EXPECT_EQ(under(filter, [] { return 5; }), 5);
}

TEST(SeccompInstall, AListenerIsAskedAboutItsCalls) {
  Profile profile;
  profile.listenerPath = "/run/unused.sock";
  profile.syscalls = {{{"sethostname"}, Action::notify, {}, {}}};
  const Filter filter = compile(profile);
  EXPECT_TRUE(filter.needsListener);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const int listener = install(filter);
    if (listener <= 0) ::_exit(100);
    const pid_t asker = ::fork();
    if (asker == 0) ::_exit(errnoOf(::syscall(SYS_sethostname, "x", 1)));
    seccomp_notif request{};
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) ::_exit(101);
    seccomp_notif_resp response{request.id, 0, -EXDEV, 0};
    if (request.data.nr != SYS_sethostname || ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0)
      ::_exit(102);
    int status = 0;
    ::waitpid(asker, &status, 0);
    ::_exit(WEXITSTATUS(status));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), EXDEV);
}

TEST(SeccompInstall, WhatTheKernelRefusesIsAnErrno) {
  Filter filter = compile(Profile{});
  filter.program.clear();
  EXPECT_EQ(install(filter), -EINVAL);
}

}  // namespace
