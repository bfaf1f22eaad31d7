#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "oci-runtime/commands.h"
#include "sys/error.h"
#include "sys/whole_file.h"

namespace strake::oci_runtime {
namespace {

/// What `runc spec` writes: a shell on a terminal in namespaces of its own, with few capabilities.
constexpr const char* starter = R"json({
  "ociVersion": "1.2.0",
  "process": {
    "terminal": true,
    "user": {
      "uid": 0,
      "gid": 0
    },
    "args": [
      "sh"
    ],
    "env": [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "TERM=xterm"
    ],
    "cwd": "/",
    "capabilities": {
      "bounding": [
        "CAP_AUDIT_WRITE",
        "CAP_KILL",
        "CAP_NET_BIND_SERVICE"
      ],
      "effective": [
        "CAP_AUDIT_WRITE",
        "CAP_KILL",
        "CAP_NET_BIND_SERVICE"
      ],
      "permitted": [
        "CAP_AUDIT_WRITE",
        "CAP_KILL",
        "CAP_NET_BIND_SERVICE"
      ],
      "ambient": [
        "CAP_AUDIT_WRITE",
        "CAP_KILL",
        "CAP_NET_BIND_SERVICE"
      ]
    },
    "rlimits": [
      {
        "type": "RLIMIT_NOFILE",
        "hard": 1024,
        "soft": 1024
      }
    ],
    "noNewPrivileges": true
  },
  "root": {
    "path": "rootfs",
    "readonly": true
  },
  "hostname": "runc",
  "mounts": [
    {
      "destination": "/proc",
      "type": "proc",
      "source": "proc"
    },
    {
      "destination": "/dev",
      "type": "tmpfs",
      "source": "tmpfs",
      "options": [
        "nosuid",
        "strictatime",
        "mode=755",
        "size=65536k"
      ]
    },
    {
      "destination": "/dev/pts",
      "type": "devpts",
      "source": "devpts",
      "options": [
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        "gid=5"
      ]
    },
    {
      "destination": "/dev/shm",
      "type": "tmpfs",
      "source": "shm",
      "options": [
        "nosuid",
        "noexec",
        "nodev",
        "mode=1777",
        "size=65536k"
      ]
    },
    {
      "destination": "/dev/mqueue",
      "type": "mqueue",
      "source": "mqueue",
      "options": [
        "nosuid",
        "noexec",
        "nodev"
      ]
    },
    {
      "destination": "/sys",
      "type": "sysfs",
      "source": "sysfs",
      "options": [
        "nosuid",
        "noexec",
        "nodev",
        "ro"
      ]
    },
    {
      "destination": "/sys/fs/cgroup",
      "type": "cgroup",
      "source": "cgroup",
      "options": [
        "nosuid",
        "noexec",
        "nodev",
        "relatime",
        "ro"
      ]
    }
  ],
  "linux": {
    "resources": {
      "devices": [
        {
          "allow": false,
          "access": "rwm"
        }
      ]
    },
    "namespaces": [
      {
        "type": "pid"
      },
      {
        "type": "network"
      },
      {
        "type": "ipc"
      },
      {
        "type": "uts"
      },
      {
        "type": "mount"
      }
    ],
    "maskedPaths": [
      "/proc/acpi",
      "/proc/asound",
      "/proc/kcore",
      "/proc/keys",
      "/proc/latency_stats",
      "/proc/timer_list",
      "/proc/timer_stats",
      "/proc/sched_debug",
      "/sys/firmware",
      "/proc/scsi"
    ],
    "readonlyPaths": [
      "/proc/bus",
      "/proc/fs",
      "/proc/irq",
      "/proc/sys",
      "/proc/sysrq-trigger"
    ]
  }
}
)json";

using rapidjson::Value;

Value text(rapidjson::Document& document, const char* words) {
  return Value(words, document.GetAllocator());
}

/// A user namespace, and the caller as its root; the host's network, which nothing here could connect.
void setNamespaces(rapidjson::Document& document) {
  auto& allocator = document.GetAllocator();
  Value& linux_ = document["linux"];
  Value& namespaces = linux_["namespaces"];
  for (Value* each = namespaces.Begin(); each != namespaces.End();)
    each = (*each)["type"] == "network" ? namespaces.Erase(each) : each + 1;
  Value user(rapidjson::kObjectType);
  user.AddMember("type", "user", allocator);
  namespaces.PushBack(user, allocator);
  for (const auto& [name, id] :
       {std::pair("uidMappings", ::geteuid()), std::pair("gidMappings", ::getegid())}) {
    Value map(rapidjson::kObjectType), maps(rapidjson::kArrayType);
    map.AddMember("containerID", 0, allocator)
        .AddMember("hostID", id, allocator)
        .AddMember("size", 1, allocator);
    maps.PushBack(map, allocator);
    linux_.AddMember(text(document, name), maps, allocator);
  }
  linux_.RemoveMember("resources");
}

/// Groups that are not mapped cannot be given, and a sysfs of its own needs a network namespace of its own.
void setMounts(rapidjson::Document& document) {
  auto& allocator = document.GetAllocator();
  for (Value& mount : document["mounts"].GetArray()) {
    if (mount["destination"] == "/sys") {
      mount["type"] = "none", mount["source"] = "/sys";
      mount["options"].PushBack(text(document, "rbind"), allocator);
    }
    if (!mount.HasMember("options")) continue;
    Value& options = mount["options"];
    for (Value* each = options.Begin(); each != options.End();) {
      const std::string_view option = each->GetString();
      each = option.starts_with("gid=") || option.starts_with("uid=") ? options.Erase(each) : each + 1;
    }
  }
}

/// What an ordinary user can have without anything being set up for it.
void makeRootless(rapidjson::Document& document) {
  setNamespaces(document);
  setMounts(document);
}

std::string textOf(const rapidjson::Document& document) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> json(buffer);
  json.SetIndent(' ', 2);
  document.Accept(json);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace

int spec(const Global&, Words words) {
  const Options options(words, {{{"bundle", "b"}, true}, {{"rootless"}}}, none);
  const std::string path = options.value("bundle", ".") + "/config.json";
  if (::access(path.c_str(), F_OK) == 0)
    throw sys::Error("ERR_INVALID_ARGUMENT", "file " + path + " exists: remove it first");
  rapidjson::Document document;
  document.Parse(starter);
  if (options.enabled("rootless")) makeRootless(document);
  sys::writeFileAtomic(path, textOf(document), 0666, false);
  return 0;
}

}  // namespace strake::oci_runtime
