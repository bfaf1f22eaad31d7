#include "monitor/name_table.h"

#include <time.h>

#include <algorithm>
#include <cctype>

namespace strake::monitor {

namespace {

/// A change that comes so soon after another one may have the same time.
constexpr int64_t coarsestClock = 50'000'000;  // nanoseconds

int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

bool isSame(const std::string& left, const std::string& right) {
  return std::ranges::equal(left, right, [](char one, char other) {
    return std::tolower(static_cast<unsigned char>(one)) == std::tolower(static_cast<unsigned char>(other));
  });
}

}  // namespace

void NameTable::setNetworks(const std::vector<std::string>& directories) {
  networks_.clear();
  for (const std::string& directory : directories) networks_.push_back({.directory = directory});
}

void NameTable::refresh(Network& network) {
  struct stat status {};
  if (::stat((network.directory + "/endpoints").c_str(), &status) < 0) return void(network.endpoints.clear());
  if (network.isFresh && nanoseconds(status.st_mtim) == nanoseconds(network.changedAt)) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  network.changedAt = status.st_mtim;
  network.isFresh = nanoseconds(now) - nanoseconds(status.st_mtim) > coarsestClock;
  network.endpoints = net::readEndpoints(network.directory);
  try {
    const net::Network record = net::readNetwork(network.directory);
    network.name = record.name;
    network.isInternal = record.rules.internal;
  } catch (const std::exception&) {
    network.isInternal = true;  // it is being removed
  }
}

std::optional<std::vector<net::Ip>> NameTable::find(const std::string& name) {
  std::vector<net::Ip> addresses;
  bool isKnown = false;
  for (Network& network : networks_) {
    refresh(network);
    const std::string suffix = "." + network.name;
    for (const net::EndpointRecord& endpoint : network.endpoints) {
      const bool matches = std::ranges::any_of(endpoint.names, [&](const std::string& one) {
        return isSame(one, name) || isSame(one + suffix, name);
      });
      if (!matches) continue;
      isKnown = true;
      for (const net::IpPrefix& address : endpoint.addresses) addresses.push_back(address.address);
    }
  }
  if (!isKnown) return std::nullopt;
  if (!addresses.empty())
    std::rotate(addresses.begin(), addresses.begin() + static_cast<ptrdiff_t>(turn_++ % addresses.size()),
                addresses.end());
  return addresses;
}

std::vector<std::string> NameTable::reverse(const net::Ip& address) {
  for (Network& network : networks_) {
    refresh(network);
    for (const net::EndpointRecord& endpoint : network.endpoints) {
      const bool has = std::ranges::any_of(endpoint.addresses,
                                           [&](const net::IpPrefix& one) { return one.address == address; });
      if (has) return {endpoint.name + "." + network.name};
    }
  }
  return {};
}

bool NameTable::reachesOutside() {
  return std::ranges::any_of(networks_, [this](Network& network) {
    refresh(network);
    return !network.isInternal;
  });
}

}  // namespace strake::monitor
