#include "cgroup/device_program.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "cgroup/files.h"
#include "sys/error.h"
#include "sys/unique_fd.h"

namespace strake::cgroup {
namespace {

using Program = std::vector<bpf_insn>;

// struct bpf_cgroup_dev_ctx: u32 access_type (access << 16 | type), u32 major, u32 minor.
constexpr uint8_t kContext = BPF_REG_1, kType = BPF_REG_2, kAccess = BPF_REG_3, kMajor = BPF_REG_4,
                  kMinor = BPF_REG_5, kScratch = BPF_REG_6;

bpf_insn instruction(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t immediate) {
  bpf_insn made{};
  made.code = code;
  made.dst_reg = to & 0xf;
  made.src_reg = from & 0xf;
  made.off = offset;
  made.imm = immediate;
  return made;
}

bpf_insn load(uint8_t to, int16_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, kContext, offset, 0);
}
bpf_insn set(uint8_t to, int32_t value) {
  return instruction(BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, value);
}

void prologue(Program& program) {
  program.push_back(load(kAccess, 0));
  program.push_back(instruction(BPF_ALU | BPF_MOV | BPF_X, kType, kAccess, 0, 0));
  program.push_back(instruction(BPF_ALU | BPF_AND | BPF_K, kType, 0, 0, 0xffff));
  program.push_back(instruction(BPF_ALU | BPF_RSH | BPF_K, kAccess, 0, 0, 16));
  program.push_back(load(kMajor, 4));
  program.push_back(load(kMinor, 8));
}

void answer(Program& program, bool allow) {
  program.push_back(set(BPF_REG_0, allow ? 1 : 0));
  program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

int32_t accessBits(const std::string& access) {
  int32_t bits = 0;
  for (const char letter : access) {
    if (letter == 'r') bits |= BPF_DEVCG_ACC_READ;
    if (letter == 'w') bits |= BPF_DEVCG_ACC_WRITE;
    if (letter == 'm') bits |= BPF_DEVCG_ACC_MKNOD;
  }
  return bits;
}

constexpr int32_t kEveryAccess = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

bool coversEverything(const DeviceRule& rule) {
  return rule.type == 'a' && rule.major < 0 && rule.minor < 0 && accessBits(rule.access) == kEveryAccess;
}

/// Tests that fail jump past the rule's answer; their distance is known when all are there.
void appendRule(Program& program, const DeviceRule& rule) {
  std::vector<size_t> misses;
  const auto unlessEqual = [&](uint8_t what, int64_t value) {
    misses.push_back(program.size());
    program.push_back(instruction(BPF_JMP | BPF_JNE | BPF_K, what, 0, 0, static_cast<int32_t>(value)));
  };
  if (rule.type != 'a') unlessEqual(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  if (rule.major >= 0) unlessEqual(kMajor, rule.major);
  if (rule.minor >= 0) unlessEqual(kMinor, rule.minor);
  const int32_t bits = accessBits(rule.access);
  if (bits != kEveryAccess) {
    // allow: nothing may be asked beyond the rule's bits; deny: some bit of the rule must be asked.
    program.push_back(instruction(BPF_ALU | BPF_MOV | BPF_X, kScratch, kAccess, 0, 0));
    program.push_back(
        instruction(BPF_ALU | BPF_AND | BPF_K, kScratch, 0, 0, rule.allow ? ~bits & kEveryAccess : bits));
    misses.push_back(program.size());
    program.push_back(instruction(static_cast<uint8_t>(BPF_JMP | (rule.allow ? BPF_JNE : BPF_JEQ) | BPF_K),
                                  kScratch, 0, 0, 0));
  }
  answer(program, rule.allow);
  for (const size_t miss : misses) program[miss].off = static_cast<int16_t>(program.size() - miss - 1);
}

int bpf(int command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

sys::UniqueFd loadProgram(const Program& program) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<uintptr_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  sys::UniqueFd fd(bpf(BPF_PROG_LOAD, attributes));
  if (!fd && errno == EINVAL)
    throwMissing("devices", "devices",
                 "this kernel cannot load cgroup device programs (CONFIG_CGROUP_BPF, Linux 4.15)");
  if (!fd) sys::throwErrno("bpf", "BPF_PROG_LOAD (device rules)");
  return fd;
}

std::vector<uint32_t> attachedPrograms(int directoryFd) {
  std::array<uint32_t, 64> ids{};
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<uint32_t>(directoryFd);
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = reinterpret_cast<uintptr_t>(ids.data());
  attributes.query.prog_cnt = ids.size();
  sys::check(bpf(BPF_PROG_QUERY, attributes), "bpf", "BPF_PROG_QUERY");
  return {ids.begin(), ids.begin() + std::min<size_t>(attributes.query.prog_cnt, ids.size())};
}

void detach(int directoryFd, uint32_t id) {
  bpf_attr byId{};
  byId.prog_id = id;
  const sys::UniqueFd program(sys::check(bpf(BPF_PROG_GET_FD_BY_ID, byId), "bpf", "BPF_PROG_GET_FD_BY_ID"));
  bpf_attr attributes{};
  attributes.target_fd = static_cast<uint32_t>(directoryFd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  sys::check(bpf(BPF_PROG_DETACH, attributes), "bpf", "BPF_PROG_DETACH");
}

}  // namespace

std::vector<bpf_insn> deviceProgram(std::span<const DeviceRule> rules) {
  Program program;
  prologue(program);
  // The last rule that matches decides, so they are tested from the last to the first.
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    if (coversEverything(*rule)) {
      answer(program, rule->allow);
      return program;
    }
    if (accessBits(rule->access) != 0) appendRule(program, *rule);
  }
  answer(program, false);
  return program;
}

void attachDeviceProgram(int directoryFd, std::span<const DeviceRule> rules) {
  const auto before = attachedPrograms(directoryFd);
  const sys::UniqueFd program = loadProgram(deviceProgram(rules));
  bpf_attr attributes{};
  attributes.target_fd = static_cast<uint32_t>(directoryFd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  sys::check(bpf(BPF_PROG_ATTACH, attributes), "bpf", "BPF_PROG_ATTACH (device rules)");
  for (const uint32_t id : before) detach(directoryFd, id);
}

}  // namespace strake::cgroup
