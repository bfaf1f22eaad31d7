// Network settings in /proc/sys/net, which shows each process those of its own network namespace.
#pragma once
#include <string>

namespace strake::net {

/// The setting `name` ("ipv4/ip_forward") of the namespace, or "" where this kernel has none of that name.
std::string readSetting(int netns, const std::string& name);

/// False: there is none of that name. Throws SysError when it is there and cannot be set.
bool writeSetting(int netns, const std::string& name, const std::string& value);

}  // namespace strake::net
