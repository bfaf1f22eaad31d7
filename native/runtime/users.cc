#include "runtime/users.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <unordered_set>

#include "sys/error.h"
#include "sys/in_root.h"

namespace strake::runtime {
namespace {

constexpr off_t largestDatabase = 8 << 20;
constexpr size_t mostGroups = 65536;        // NGROUPS_MAX
constexpr uint32_t largestId = 0x7fffffff;  // Docker's limit

bool isRegular(int fd, struct stat& info) {
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

/// The text of a database of the container; empty when there is none.
std::string readDatabase(const char* path) {
  sys::UniqueFd root(sys::check(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/"));
  struct stat info;
  // Looked at as a path first: opening a device could have effects.
  if (!isRegular(sys::tryOpenInRoot(root.get(), path, O_PATH).get(), info)) return {};
  sys::UniqueFd file = sys::tryOpenInRoot(root.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!isRegular(file.get(), info)) return {};
  if (info.st_size > largestDatabase)
    throw sys::Error("ERR_USER_NOT_FOUND", std::string(path) + " of the container is larger than 8 MiB");
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t size = 0;
  for (ssize_t n; size < text.size() && (n = read(file.get(), &text[size], text.size() - size)) > 0;)
    size += static_cast<size_t>(n);
  text.resize(size);
  return text;
}

using Fields = std::array<std::string_view, 7>;

Fields splitFields(std::string_view line) {
  Fields fields;
  for (std::string_view& field : fields) {
    size_t colon = std::min(line.find(':'), line.size());
    field = line.substr(0, colon);
    line.remove_prefix(std::min(colon + 1, line.size()));
  }
  return fields;
}

/// Calls `visit` for each line until it returns true.
void eachLine(std::string_view text, const std::function<bool(const Fields&)>& visit) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && line[0] != '#' && visit(splitFields(line))) return;
  }
}

bool isNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The number that `text` is, when it is an id that Linux and Docker both take.
std::optional<uint32_t> parseId(std::string_view text) {
  uint32_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id > largestId) return std::nullopt;
  return id;
}

uint32_t numericId(std::string_view text, const char* code, const char* kind) {
  std::optional<uint32_t> id = parseId(text);
  if (!id)
    throw sys::Error(code, std::string(kind) + " " + std::string(text) + " is not between 0 and 2147483647");
  return *id;
}

struct UserEntry {
  std::string_view name;
  uint32_t uid, gid;
  std::string_view home;
};

std::optional<UserEntry> findUser(std::string_view passwd, std::string_view name,
                                  std::optional<uint32_t> uid) {
  std::optional<UserEntry> found;
  eachLine(passwd, [&](const Fields& fields) {
    std::optional<uint32_t> entryUid = parseId(fields[2]), entryGid = parseId(fields[3]);
    if (!entryUid || !entryGid || (fields[0] != name && entryUid != uid)) return false;
    found = UserEntry{fields[0], *entryUid, *entryGid, fields[5]};
    return true;
  });
  return found;
}

uint32_t findGroup(std::string_view group, std::string_view nameOrId) {
  std::optional<uint32_t> found, wanted = parseId(nameOrId);
  eachLine(group, [&](const Fields& fields) {
    std::optional<uint32_t> gid = parseId(fields[2]);
    if (gid && (fields[0] == nameOrId || gid == wanted)) found = gid;
    return found.has_value();
  });
  if (found) return *found;
  if (isNumber(nameOrId)) return numericId(nameOrId, "ERR_GROUP_NOT_FOUND", "the group id");
  throw sys::Error("ERR_GROUP_NOT_FOUND", "unable to find group " + std::string(nameOrId) +
                                              ": no matching entries in the container's /etc/group");
}

bool lists(std::string_view members, std::string_view user) {
  while (!members.empty()) {
    size_t comma = std::min(members.find(','), members.size());
    if (members.substr(0, comma) == user) return true;
    members.remove_prefix(std::min(comma + 1, members.size()));
  }
  return false;
}

void addGroup(Credentials& credentials, uint32_t gid) {
  std::vector<uint32_t>& groups = credentials.groups;
  if (std::find(groups.begin(), groups.end(), gid) == groups.end()) groups.push_back(gid);
}

void addMemberships(Credentials& credentials, std::string_view group, std::string_view user) {
  std::unordered_set<uint32_t> known(credentials.groups.begin(), credentials.groups.end());
  eachLine(group, [&](const Fields& fields) {
    std::optional<uint32_t> gid = parseId(fields[2]);
    if (gid && lists(fields[3], user) && known.insert(*gid).second) credentials.groups.push_back(*gid);
    return credentials.groups.size() >= mostGroups;
  });
}

/// "name", "uid", "name:group" … The groups that list the user count only where no group was named, as in
/// Docker.
Credentials fromText(const std::string& text, std::string_view passwd, std::string_view group) {
  size_t colon = std::min(text.find(':'), text.size());
  std::string userPart = text.substr(0, colon), groupPart = colon < text.size() ? text.substr(colon + 1) : "";
  if (userPart.empty()) userPart = "0";
  std::optional<uint32_t> numeric = isNumber(userPart) ? parseId(userPart) : std::nullopt;
  std::optional<UserEntry> entry = findUser(passwd, userPart, numeric);
  Credentials credentials;
  if (entry)
    credentials = {entry->uid, entry->gid, {}, std::string(entry->home)};
  else if (isNumber(userPart))
    credentials.uid = numericId(userPart, "ERR_USER_NOT_FOUND", "the user id");
  else
    throw sys::Error("ERR_USER_NOT_FOUND", "unable to find user " + userPart +
                                               ": no matching entries in the container's /etc/passwd");
  if (!groupPart.empty()) credentials.gid = findGroup(group, groupPart);
  addGroup(credentials, credentials.gid);  // CVE-2022-36109: the primary group is a supplementary one too
  if (groupPart.empty() && entry) addMemberships(credentials, group, entry->name);
  return credentials;
}

Credentials fromSpec(const User& user, std::string_view passwd) {
  Credentials credentials{user.uid, user.gid, user.additionalGids, "/"};
  if (std::optional<UserEntry> entry = findUser(passwd, "", user.uid)) credentials.home = entry->home;
  return credentials;
}

}  // namespace

Credentials resolveCredentials(const User& user, const UserByName& byName, std::string_view passwd,
                               std::string_view group) {
  Credentials credentials =
      byName.user.empty() ? fromSpec(user, passwd) : fromText(byName.user, passwd, group);
  for (const std::string& name : byName.groups) addGroup(credentials, findGroup(group, name));
  if (credentials.home.empty()) credentials.home = "/";
  return credentials;
}

Credentials resolveCredentials(const User& user, const UserByName& byName) {
  bool needsGroups = !byName.user.empty() || !byName.groups.empty();
  return resolveCredentials(user, byName, readDatabase("/etc/passwd"),
                            needsGroups ? readDatabase("/etc/group") : std::string());
}

}  // namespace strake::runtime
