// The same profile through libseccomp, for a machine of either family.
#pragma once
#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "seccomp/compile.h"

namespace strake::test {

using namespace seccomp;

struct Machine {
  Arch native;
  std::vector<std::pair<std::string, uint32_t>> archs;  // OCI name, libseccomp's token
};
inline const Machine kX86{Arch::x86_64,
                          {{"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
                           {"SCMP_ARCH_X86", SCMP_ARCH_X86},
                           {"SCMP_ARCH_X32", SCMP_ARCH_X32}}};
inline const Machine kX86Alone{Arch::x86_64, {{"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64}}};
inline const Machine kArm{Arch::arm64,
                          {{"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64}, {"SCMP_ARCH_ARM", SCMP_ARCH_ARM}}};

inline uint32_t oracleAction(Action action, uint32_t error) {
  switch (action) {
    case Action::killThread:
      return SCMP_ACT_KILL_THREAD;
    case Action::killProcess:
      return SCMP_ACT_KILL_PROCESS;
    case Action::trap:
      return SCMP_ACT_TRAP;
    case Action::errnoReturn:
      return SCMP_ACT_ERRNO(error);
    case Action::trace:
      return SCMP_ACT_TRACE(error);
    case Action::log:
      return SCMP_ACT_LOG;
    case Action::allow:
      return SCMP_ACT_ALLOW;
    case Action::notify:
      return SCMP_ACT_NOTIFY;
  }
  return 0;
}

inline scmp_compare oracleOp(Op op) {
  switch (op) {
    case Op::notEqual:
      return SCMP_CMP_NE;
    case Op::less:
      return SCMP_CMP_LT;
    case Op::lessEqual:
      return SCMP_CMP_LE;
    case Op::equal:
      return SCMP_CMP_EQ;
    case Op::greaterEqual:
      return SCMP_CMP_GE;
    case Op::greater:
      return SCMP_CMP_GT;
    case Op::maskedEqual:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

inline void addToOracle(scmp_filter_ctx context, const SyscallRule& rule) {
  std::vector<scmp_arg_cmp> conditions;
  for (const ArgRule& arg : rule.args)
    conditions.push_back({arg.index, oracleOp(arg.op), arg.value, arg.valueTwo});
  for (const std::string& name : rule.names) {
    const int call = seccomp_syscall_resolve_name(name.c_str());
    if (call == __NR_SCMP_ERROR) continue;
    const int result =
        seccomp_rule_add_array(context, oracleAction(rule.action, rule.errnoRet.value_or(EPERM)), call,
                               static_cast<unsigned>(conditions.size()), conditions.data());
    ASSERT_EQ(result, 0) << name << ": " << strerror(-result);
  }
}

inline std::vector<sock_filter> oracle(const Profile& profile, const Machine& machine) {
  scmp_filter_ctx context =
      seccomp_init(oracleAction(profile.defaultAction, profile.defaultErrnoRet.value_or(EPERM)));
  EXPECT_EQ(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
  for (const auto& [name, token] : machine.archs) seccomp_arch_add(context, token);
  if (machine.native != Arch::x86_64) {
    EXPECT_EQ(seccomp_arch_remove(context, SCMP_ARCH_X86_64), 0);
  }
  for (const SyscallRule& rule : profile.syscalls) addToOracle(context, rule);
  const int file = ::memfd_create("oracle", 0);
  EXPECT_EQ(seccomp_export_bpf(context, file), 0);
  std::vector<sock_filter> program(static_cast<size_t>(::lseek(file, 0, SEEK_END)) / sizeof(sock_filter));
  EXPECT_EQ(::pread(file, program.data(), program.size() * sizeof(sock_filter), 0),
            static_cast<ssize_t>(program.size() * sizeof(sock_filter)));
  ::close(file);
  seccomp_release(context);
  return program;
}

}  // namespace strake::test
