// config.json: what is read, and what is refused by the name of the field.
#include <linux/mount.h>
#include <sys/resource.h>

#include "runtime/cpu_list.h"
#include "runtime/mount_options.h"
#include "runtime/users.h"
#include "runtime_bundle.h"

namespace strake::runtime {
namespace {

std::string refusal(const std::string& json) {
  try {
    parseSpec(json);
  } catch (const sys::Error& error) {
    return error.code() + " " + error.what();
  }
  return "accepted";
}

/// A spec with one member more.
std::string with(const std::string& member) {
  return R"({"ociVersion":"1.2.0",)" + member + "}";
}

TEST(Spec, ReadsWhatTheSpecificationNames) {
  Spec spec = parseSpec(with(R"(
    "process": {"terminal": true, "consoleSize": {"height": 24, "width": 80}, "cwd": "/w", "args": ["a", "b"],
      "env": ["A=1"], "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3]},
      "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 18446744073709551615}],
      "capabilities": {"bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"]}, "oomScoreAdj": -5,
      "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4}, "scheduler": {"policy": "SCHED_BATCH", "nice": 3}},
    "linux": {"namespaces": [{"type": "network", "path": "/n"}], "uidMappings": [{"containerID": 0, "hostID": 5, "size": 6}],
      "resources": {"memory": {"limit": 1048576}, "devices": [{"allow": false, "access": "rwm"}]},
      "timeOffsets": {"boottime": {"secs": 7, "nanosecs": 8}}, "rootfsPropagation": "rslave",
      "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 1, "value": 2, "op": "SCMP_CMP_MASKED_EQ", "valueTwo": 3}]}]}})"));
  EXPECT_TRUE(spec.process.terminal);
  EXPECT_EQ(spec.process.consoleSize.columns, 80);
  EXPECT_EQ(spec.process.user.umask, 022u);
  EXPECT_EQ(spec.process.rlimits[0].hard, RLIM_INFINITY);
  EXPECT_EQ(spec.process.capabilities.bounding, 1u | uint64_t{1} << 40);
  EXPECT_EQ(spec.process.ioPriority, 2 << 13 | 4);
  EXPECT_EQ(spec.process.scheduler->nice, 3);
  EXPECT_EQ(spec.find(NamespaceKind::network)->path, "/n");
  EXPECT_EQ(spec.find(NamespaceKind::mount), nullptr);
  EXPECT_EQ(spec.linux_.uidMappings[0].hostId, 5u);
  EXPECT_EQ(spec.linux_.resources.memory.limit, 1048576);
  EXPECT_EQ(spec.linux_.boottimeOffset->nanoseconds, 8u);
  EXPECT_EQ(spec.linux_.rootfsPropagation, "slave");
  EXPECT_EQ(spec.linux_.seccomp->syscalls[0].args[0].op, seccomp::Op::maskedEqual);
}

TEST(Spec, KeepsTheNamesThatAreNoCapabilityForAWarning) {
  const Capabilities sets =
      parseSpec(with(R"("process": {"capabilities": {"effective": ["CAP_NONE", "CAP_CHOWN"],
        "bounding": ["CAP_NONE"]}})"))
          .process.capabilities;
  EXPECT_EQ(sets.effective, 1u);
  EXPECT_EQ(sets.unknown, std::vector<std::string>{"CAP_NONE"});
}

TEST(Spec, RefusesByTheNameOfTheField) {
  const std::pair<std::string, std::string> cases[] = {
      {R"("process": {"rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 2}]})",
       "process.rlimits[1].type"},
      {R"("linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_ALLOW"}]}})",
       "linux.seccomp.syscalls[0].names"},
      {R"("linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}})",
       "linux.seccomp.listenerMetadata"},
      {R"("linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod"], "action": "SCMP_ACT_NOTIFY"}]}})",
       "linux.seccomp.listenerPath"},
      {R"("process": {"user": {"uid": -1}})", "process.user.uid"},
      {R"("process": {"user": {"uid": 4294967295}})", "process.user.uid"},
      {R"("process": {"user": {"uid": 4294967296}})", "process.user.uid"},
      {R"("process": {"cwd": "relative"})", "process.cwd"},
      {R"("process": {"env": ["NOEQUALS"]})", "process.env[0]"},
      {R"("process": {"args": ["a\u0000b"]})", "process.args[0]"},
      {R"("process": {"args": "sh"})", "process.args"},
      {R"("process": {"rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]})", "process.rlimits[0].type"},
      {R"("process": {"rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]})", "process.rlimits[0]"},
      {R"("linux": {"namespaces": [{"type": "nonesuch"}]})", "linux.namespaces[0].type"},
      {R"("linux": {"namespaces": [{"type": "pid"}, {"type": "pid"}]})", "linux.namespaces[1].type"},
      {R"("linux": {"uidMappings": [{"containerID": 0, "hostID": 4294967295, "size": 2}]})",
       "linux.uidMappings[0]"},
      {R"("linux": {"devices": [{"path": "/dev/x", "type": "z"}]})", "linux.devices[0].type"},
      {R"("linux": {"seccomp": {"defaultAction": "SCMP_ACT_X"}})", "linux.seccomp.defaultAction"},
      {R"("mounts": [{"type": "tmpfs"}])", "mounts[0].destination"},
      {R"("hooks": {"poststop": [{"path": "sh"}]})", "hooks.poststop[0].path"}};
  for (const auto& [member, field] : cases)
    EXPECT_NE(refusal(with(member)).find(field), std::string::npos) << member << refusal(with(member));
  EXPECT_NE(refusal("{").find("ERR_SPEC_INVALID"), std::string::npos);
  EXPECT_NE(refusal("[]").find("ERR_SPEC_INVALID"), std::string::npos);
  EXPECT_NE(refusal(R"({"ociVersion":"2.0.0"})").find("ociVersion"), std::string::npos);
}

TEST(Spec, ADeeplyNestedDocumentIsRefusedWithoutAStackOverflow) {
  std::string deep(2000000, '[');
  EXPECT_NE(refusal(deep).find("ERR_SPEC_INVALID"), std::string::npos);
}

TEST(MountOptions, AreAttributesPropagationAndTheRest) {
  MountOptions options =
      parseMountOptions({"rbind", "ro", "rro", "noatime", "rslave", "size=4k", "mode=755", "inode64"});
  EXPECT_TRUE(options.bind && options.recursive);
  EXPECT_EQ(options.set, uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME});
  EXPECT_EQ(options.setRecursively, uint64_t{MOUNT_ATTR_RDONLY});
  EXPECT_EQ(options.propagation, uint64_t{MS_SLAVE});
  EXPECT_TRUE(options.propagationRecursive);
  EXPECT_EQ(options.parameters.size(), 2u);
  EXPECT_EQ(options.flags, std::vector<std::string>{"inode64"});
  options = parseMountOptions({"ro", "nosuid", "rw", "noatime", "relatime"});
  EXPECT_EQ(options.set, uint64_t{MOUNT_ATTR_NOSUID});
  EXPECT_EQ(options.clear & MOUNT_ATTR_RDONLY, uint64_t{MOUNT_ATTR_RDONLY});
}

TEST(CpuList, IsNumbersAndRanges) {
  EXPECT_EQ(parseCpuList("0-2,7"), (std::vector<unsigned>{0, 1, 2, 7}));
  for (const char* wrong : {"a", "3-1", "1,,2", "99999", "1 2", "-1"})
    EXPECT_THROW(parseCpuList(wrong), sys::Error) << wrong;
}

constexpr const char* passwd =
    "root:x:0:0:root:/root:/bin/sh\n# "
    "comment\nbroken\n:x:9:9::/:\nweb:x:33:34:Web:/var/www:\r\nbad:x:99999999999:1::/:\n"
    "1234:x:50:51::/fifty:/bin/sh";
constexpr const char* group = "root:x:0:\nweb:x:34:\nextra:x:70:a,web,b\nmore:x:71:webber\nlast:x:72:web";

Credentials resolve(const std::string& user, std::vector<std::string> groups = {}) {
  return resolveCredentials(User{}, UserByName{user, std::move(groups)}, passwd, group);
}

TEST(Users, AreResolvedAsDockerDoes) {
  Credentials web = resolve("web");
  EXPECT_EQ(web.uid, 33u);
  EXPECT_EQ(web.gid, 34u);
  EXPECT_EQ(web.groups, (std::vector<uint32_t>{34, 70, 72}));
  EXPECT_EQ(web.home, "/var/www");
  EXPECT_EQ(resolve("33").groups, (std::vector<uint32_t>{34, 70, 72}))
      << "a number of an entry is that entry";
  EXPECT_EQ(resolve("web:extra").groups, (std::vector<uint32_t>{70}))
      << "a named group replaces the memberships";
  EXPECT_EQ(resolve("web:4000").gid, 4000u);
  EXPECT_EQ(resolve("4000").gid, 0u);
  EXPECT_EQ(resolve("4000").home, "/");
  EXPECT_EQ(resolve("1234").uid, 50u) << "a name of digits is a name first";
  EXPECT_EQ(resolve(":extra").gid, 70u);
  EXPECT_EQ(resolve("web", {"more", "5"}).groups, (std::vector<uint32_t>{34, 70, 72, 71, 5}));
}

TEST(Users, IdsThatWouldWrapAreRefused) {
  for (const char* user : {"2147483648", "4294967295", "4294967296", "18446744073709551616", "0:4294967296"})
    EXPECT_THROW(resolve(user), sys::Error) << user;
  EXPECT_THROW(resolve("bad"), sys::Error) << "its entry's id does not fit";
  EXPECT_THROW(resolve("-1"), sys::Error);
}

TEST(Users, AHugeGroupFileCostsBoundedTime) {
  std::string huge;
  while (huge.size() < 8000000) huge += "g:x:" + std::to_string(huge.size()) + ":web\n";
  EXPECT_LE(resolveCredentials(User{}, UserByName{"web", {}}, passwd, huge).groups.size(), 65536u);
}

}  // namespace
}  // namespace strake::runtime
