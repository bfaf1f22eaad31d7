// Whole networks in namespaces that the test makes: nothing of the machine's own network is touched.
#include "net/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/netns.h"
#include "net/nftables.h"
#include "net/sysctl.h"
#include "sys/error.h"

namespace strake::net {
namespace {

const std::string containerId(64, 'c');

/// A new namespace that nobody is in, with its loopback up.
sys::UniqueFd makeNetns() {
  sys::UniqueFd made;
  std::thread([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    made = openNetns("/proc/thread-self/ns/net");
  }).join();
  Netlink route(NETLINK_ROUTE, made.get());
  Message up = bringUp("lo", false);
  route.request(up, "RTM_NEWLINK");
  return made;
}

/// A port that answers "hello" to whoever connects, in a namespace.
class Greeter {
 public:
  Greeter(int netns, const std::string& address, uint16_t port)
      : listener_(socketIn(netns, Ip::parse(address).family(), SOCK_STREAM)) {
    sockaddr_storage storage;
    const socklen_t size = Ip::parse(address).socketAddress(port, storage);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&storage), size), 0) << strerror(errno);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    thread_ = std::thread([this] {
      for (;;) {
        const int client = ::accept(listener_.get(), nullptr, nullptr);
        if (client < 0) return;
        EXPECT_EQ(::write(client, "hello", 5), 5);
        ::close(client);
      }
    });
  }
  ~Greeter() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  sys::UniqueFd listener_;
  std::thread thread_;
};

/// Answers every datagram to 0.0.0.0:53 with its own word, in a namespace.
class Echo {
 public:
  Echo(int netns, std::string word) : socket_(socketIn(netns, AF_INET, SOCK_DGRAM)) {
    sockaddr_storage storage;
    const socklen_t size = Ip::parse("0.0.0.0").socketAddress(53, storage);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&storage), size), 0) << strerror(errno);
    thread_ = std::thread([this, word = std::move(word)] {
      for (;;) {
        char byte = 0;
        sockaddr_storage from{};
        socklen_t fromSize = sizeof from;
        ::recvfrom(socket_.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &fromSize);
        if (byte == '.') return;
        ::sendto(socket_.get(), word.data(), word.size(), 0, reinterpret_cast<sockaddr*>(&from), fromSize);
      }
    });
  }
  ~Echo() {
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size);
    ::sendto(socket_.get(), ".", 1, 0, reinterpret_cast<sockaddr*>(&own), size);
    thread_.join();
  }

 private:
  sys::UniqueFd socket_;
  std::thread thread_;
};

/// What comes back for a datagram of a socket that is connected.
std::string exchange(int socket) {
  char text[16];
  if (::send(socket, "?", 1, 0) < 0) return strerror(errno);
  const ssize_t size = ::recv(socket, text, sizeof text, 0);
  return size < 0 ? strerror(errno) : std::string(text, static_cast<size_t>(size));
}

/// What answers there, or why nothing does.
std::string ask(int netns, const std::string& address, uint16_t port) {
  const sys::UniqueFd socket = socketIn(netns, Ip::parse(address).family(), SOCK_STREAM);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_storage storage;
  const socklen_t size = Ip::parse(address).socketAddress(port, storage);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) < 0) return strerror(errno);
  char text[16];
  const ssize_t read = ::read(socket.get(), text, sizeof text);
  return read < 0 ? strerror(errno) : std::string(text, static_cast<size_t>(read));
}

class NetworkTest : public ::testing::Test {
 protected:
  NetworkTest() : host(makeNetns()), root(host.get()), directory(::testing::TempDir() + "strake-net-XXXXXX") {
    EXPECT_NE(::mkdtemp(directory.data()), nullptr);
  }
  ~NetworkTest() { std::filesystem::remove_all(directory); }

  Network network(char digit, const std::string& subnet, bool internal = false) {
    Network network;
    network.id = std::string(64, digit);
    network.name = std::string("net-") + digit;
    network.directory = directory + "/" + network.id;
    network.rules = {.bridge = std::string("br-") + digit, .internal = internal};
    network.rules.gateways = {{Ip::parse(subnet + ".1"), 24},
                              {Ip::parse(std::string("fd00:") + digit + "::1"), 64}};
    std::filesystem::create_directories(network.directory + "/endpoints");
    return network;
  }

  static Endpoint endpoint(const Network& network, const std::string& host, char id = 'c') {
    const std::string subnet = network.rules.gateways[0].address.text();
    return {.network = network.directory,
            .container = std::string(64, id),
            .interface = "eth0",
            .mac = parseMac(std::string("02:42:00:00:00:") + (host.size() == 1 ? "0" : "") + host),
            .addresses = {{Ip::parse(subnet.substr(0, subnet.rfind('.') + 1) + host), 24},
                          {Ip::parse("fd00:" + network.id.substr(0, 1) + "::" + host), 64}},
            .gateways = {network.rules.gateways[0].address, network.rules.gateways[1].address},
            .names = {"web"},
            .leases = {}};
  }

  sys::UniqueFd host;
  Root root;
  std::string directory;
};

TEST_F(NetworkTest, aContainerReachesItsGatewayAndItsNeighbourOnBothFamilies) {
  const Network net = network('a', "10.7.0");
  EXPECT_TRUE(ensureNetwork(root, net));
  EXPECT_FALSE(ensureNetwork(root, net));
  const sys::UniqueFd one = makeNetns(), two = makeNetns();
  attachEndpoint(root, net, endpoint(net, "2", 'c'), one.get());
  attachEndpoint(root, net, endpoint(net, "3", 'd'), two.get());
  const Greeter onHost(host.get(), "10.7.0.1", 80), inTwo(two.get(), "0.0.0.0", 81),
      sixInTwo(two.get(), "::", 82);
  EXPECT_EQ(ask(one.get(), "10.7.0.1", 80), "hello");
  EXPECT_EQ(ask(one.get(), "10.7.0.3", 81), "hello");
  EXPECT_EQ(ask(one.get(), "fd00:a::3", 82), "hello");
  EXPECT_EQ(ask(host.get(), "10.7.0.3", 81), "hello");
}

TEST_F(NetworkTest, aPublishedPortIsReachedFromOutsideByTheHostAndByNeighbours) {
  const Network net = network('a', "10.7.0");
  ensureNetwork(root, net);
  const sys::UniqueFd container = makeNetns(), neighbour = makeNetns(), remote = makeNetns();
  attachEndpoint(root, net, endpoint(net, "2", 'c'), container.get());
  attachEndpoint(root, net, endpoint(net, "3", 'd'), neighbour.get());
  // The remote host is on a network of the host's own.
  Message veth = makeVeth({.name = "uplink",
                           .bridge = 0,
                           .netns = remote.get(),
                           .peerName = "up",
                           .peerMac = parseMac("02:00:00:00:00:09")});
  root.route.request(veth, "RTM_NEWLINK");
  Netlink remoteRoute(NETLINK_ROUTE, remote.get());
  const auto configure = [](Netlink& route, const std::string& name, const std::string& address) {
    Message add = addAddress(findLink(route, name)->index, {Ip::parse(address), 24}),
            up = bringUp(name, true);
    route.request(add, "RTM_NEWADDR");
    route.request(up, "RTM_NEWLINK");
  };
  configure(root.route, "uplink", "192.0.2.1");
  configure(remoteRoute, "up", "192.0.2.9");
  findLink(root.route, "uplink");  // which the kernel then sees to be up
  const Greeter server(container.get(), "0.0.0.0", 80), six(container.get(), "::", 86);
  const std::vector<PortMapping> ports = {
      {.host = Ip::parse("0.0.0.0"),
       .hostPort = 8080,
       .container = Ip::parse("10.7.0.2"),
       .containerPort = 80},
      {.host = Ip::parse("::"), .hostPort = 8086, .container = Ip::parse("fd00:a::2"), .containerPort = 86},
      {.host = Ip::parse("192.0.2.1"),
       .hostPort = 9090,
       .container = Ip::parse("10.7.0.2"),
       .containerPort = 80}};
  root.firewall().publish(ports);
  root.firewall().publish(ports);  // again is no error
  EXPECT_EQ(ask(remote.get(), "192.0.2.1", 8080), "hello");
  EXPECT_EQ(ask(remote.get(), "192.0.2.1", 9090), "hello");
  EXPECT_EQ(ask(host.get(), "192.0.2.1", 8080), "hello");
  EXPECT_EQ(ask(host.get(), "fd00:a::1", 8086), "hello");
  EXPECT_EQ(ask(neighbour.get(), "192.0.2.1", 8080), "hello") << "hairpin";
  EXPECT_EQ(ask(container.get(), "192.0.2.1", 8080), "hello") << "hairpin to itself";
  EXPECT_EQ(ask(neighbour.get(), "10.7.0.1", 9090), "Connection refused") << "bound to another address";
  root.firewall().unpublish(ports);
  root.firewall().unpublish(ports);
  EXPECT_EQ(ask(remote.get(), "192.0.2.1", 8080), "Connection refused");
}

TEST_F(NetworkTest, aPortThatAKilledMonitorLeftIsClaimedAndThenStays) {
  root.firewall().ensureTable();
  const auto mapping = [](const char* container) {
    return PortMapping{.host = Ip::parse("0.0.0.0"),
                       .hostPort = 8080,
                       .container = Ip::parse(container),
                       .containerPort = 80};
  };
  const std::vector<PortMapping> left = {mapping("10.7.0.2")}, claimed = {mapping("10.7.0.3")};
  root.firewall().publish(left);
  EXPECT_THROW(root.firewall().publish(claimed), sys::SysError);
  root.firewall().claim(claimed);
  root.firewall().unpublish(left);  // by whoever heals the killed one
  EXPECT_THROW(root.firewall().publish(left), sys::SysError) << "it is still the other one's";
  root.firewall().unpublish(claimed);
  root.firewall().publish(left);
}

TEST_F(NetworkTest, aFlowOfDatagramsFollowsItsPortToAnotherContainer) {
  const Network net = network('a', "10.7.0");
  ensureNetwork(root, net);
  const sys::UniqueFd one = makeNetns(), two = makeNetns();
  attachEndpoint(root, net, endpoint(net, "2", 'c'), one.get());
  attachEndpoint(root, net, endpoint(net, "3", 'd'), two.get());
  const Echo inOne(one.get(), "one"), inTwo(two.get(), "two");
  const auto leadingTo = [](const char* address) {
    return std::vector<PortMapping>{{.protocol = IPPROTO_UDP,
                                     .host = Ip::parse("0.0.0.0"),
                                     .hostPort = 5300,
                                     .container = Ip::parse(address),
                                     .containerPort = 53}};
  };
  const sys::UniqueFd client = socketIn(host.get(), AF_INET, SOCK_DGRAM);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_storage storage;
  const socklen_t size = Ip::parse("10.7.0.1").socketAddress(5300, storage);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&storage), size), 0);
  EXPECT_EQ(exchange(client.get()), "Connection refused") << "and the kernel remembers so";
  publishPorts(root, leadingTo("10.7.0.2"));
  EXPECT_EQ(exchange(client.get()), "one");
  unpublishPorts(root, leadingTo("10.7.0.2"));
  EXPECT_EQ(exchange(client.get()), "Connection refused");
  publishPorts(root, leadingTo("10.7.0.3"));
  EXPECT_EQ(exchange(client.get()), "two");
}

/// Runs in a child, to which this kernel has no nftables: socket(AF_NETLINK, *, NETLINK_NETFILTER) fails as
/// on one without.
void withoutNftables(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{.len = std::size(program), .filter = program};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
      ::_exit(2);
    try {
      body();
      ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(NetworkTest, aMacvlanNeedsNoNftablesAndABridgeSaysThatItDoes) {
  const sys::UniqueFd container = makeNetns(), far = makeNetns();
  Message uplink = makeVeth({.name = "uplink",
                             .bridge = 0,
                             .netns = far.get(),
                             .peerName = "up",
                             .peerMac = parseMac("02:00:00:00:00:09")});
  root.route.request(uplink, "RTM_NEWLINK");
  Network net = network('a', "10.7.0");
  net.driver = Network::Driver::macvlan;
  net.parent = "uplink";
  withoutNftables([&] {
    Root bare(host.get());
    EXPECT_FALSE(ensureNetwork(bare, net));
    attachEndpoint(bare, net, endpoint(net, "2"), container.get());
    unpublishPorts(bare, {});
    Netlink inside(NETLINK_ROUTE, container.get());
    EXPECT_TRUE(findLink(inside, "eth0"));
    detachEndpoint(bare, net, endpoint(net, "2"), container.get());
    EXPECT_FALSE(findLink(inside, "eth0"));
    removeNetwork(bare, net);
    try {
      ensureNetwork(bare, network('b', "10.8.0"));
      ADD_FAILURE() << "a bridge without rules";
    } catch (const sys::Error& error) {
      EXPECT_EQ(error.code(), "ERR_NFTABLES_MISSING");
    }
  });
}

TEST_F(NetworkTest, networksAreIsolatedFromEachOther) {
  const Network left = network('a', "10.7.0"), right = network('b', "10.8.0"),
                inner = network('d', "10.9.0", true);
  for (const Network& net : {left, right, inner}) ensureNetwork(root, net);
  const sys::UniqueFd one = makeNetns(), two = makeNetns(), three = makeNetns();
  attachEndpoint(root, left, endpoint(left, "2", 'c'), one.get());
  attachEndpoint(root, right, endpoint(right, "2", 'd'), two.get());
  attachEndpoint(root, inner, endpoint(inner, "2", 'e'), three.get());
  const Greeter server(two.get(), "0.0.0.0", 80), inside(three.get(), "0.0.0.0", 80);
  EXPECT_EQ(ask(one.get(), "10.8.0.2", 80), strerror(EINPROGRESS)) << "dropped";
  EXPECT_EQ(ask(three.get(), "10.8.0.2", 80), strerror(EINPROGRESS)) << "nothing leaves an internal network";
  root.firewall().publish({{.host = Ip::parse("0.0.0.0"),
                            .hostPort = 8080,
                            .container = Ip::parse("10.8.0.2"),
                            .containerPort = 80}});
  EXPECT_EQ(ask(one.get(), "10.7.0.1", 8080), "hello") << "but by what is published";
  EXPECT_EQ(ask(three.get(), "10.9.0.1", 8080), strerror(EINPROGRESS));
}

TEST_F(NetworkTest, whatIsAttachedGoesWithoutARestAndTwiceIsNoError) {
  const Network net = network('a', "10.7.0");
  ensureNetwork(root, net);
  const sys::UniqueFd container = makeNetns();
  const Endpoint end = endpoint(net, "2");
  attachEndpoint(root, net, end, container.get());
  ASSERT_TRUE(findLink(root.route, hostInterface(net, containerId)));
  detachEndpoint(root, net, end, -1);
  detachEndpoint(root, net, end, -1);
  EXPECT_FALSE(findLink(root.route, hostInterface(net, containerId)));
  removeNetwork(root, net);
  removeNetwork(root, net);
  EXPECT_FALSE(findLink(root.route, "br-a"));
  ensureNetwork(root, net);
  root.firewall().removeTable();
  EXPECT_TRUE(ensureNetwork(root, net)) << "the flush is noticed";
}

TEST_F(NetworkTest, anInterfaceOfSomebodyElseIsNotTaken) {
  const Network net = network('a', "10.7.0");
  Message bridge = makeBridge("br-a", parseMac("02:00:00:00:00:01"), 1500);
  root.route.request(bridge, "RTM_NEWLINK");
  try {
    ensureNetwork(root, net);
    FAIL();
  } catch (const sys::Error& error) {
    EXPECT_EQ(error.code(), "ERR_NETWORK_INTERFACE_TAKEN");
  }
  removeNetwork(root, net);
  EXPECT_TRUE(findLink(root.route, "br-a"));
}

TEST_F(NetworkTest, aRefusalHasTheKernelsOwnWordsAndTheObject) {
  Message veth = makeVeth({.name = "x",
                           .bridge = 4711,
                           .netns = host.get(),
                           .peerName = "y",
                           .peerMac = parseMac("02:00:00:00:00:01")});
  try {
    root.route.request(veth, "RTM_NEWLINK");
    FAIL();
  } catch (const sys::SysError& error) {
    EXPECT_EQ(error.call(), "RTM_NEWLINK");
    EXPECT_TRUE(error.path().starts_with("veth x and y")) << error.path();
  }
  EXPECT_FALSE(findLink(root.route, "x"));
}

TEST_F(NetworkTest, recordsOfEndpointsRestoreWhatSomebodyFlushed) {
  const Network net = network('a', "10.7.0");
  std::ofstream(net.directory + "/network.json")
      << R"({"id":")" << net.id
      << R"(","name":"a","driver":"bridge","bridge":"br-a","gateways":[{"address":"10.7.0.1","prefix":24}]})";
  ensureNetwork(root, net);
  const sys::UniqueFd container = makeNetns();
  const Endpoint end = endpoint(net, "2");
  attachEndpoint(root, net, end, container.get());
  const Greeter server(container.get(), "0.0.0.0", 80);
  const std::vector<PortMapping> ports = {{.host = Ip::parse("0.0.0.0"),
                                           .hostPort = 8080,
                                           .container = Ip::parse("10.7.0.2"),
                                           .containerPort = 80}};
  root.firewall().publish(ports);
  writeEndpoint(end, "web", ports);
  ASSERT_EQ(readEndpoints(net.directory).size(), 1U);
  EXPECT_EQ(readEndpoints(net.directory)[0].names, std::vector<std::string>{"web"});
  root.firewall().removeTable();
  EXPECT_EQ(ask(host.get(), "10.7.0.1", 8080), "Connection refused");
  restoreNetworks(root, directory);
  EXPECT_EQ(ask(host.get(), "10.7.0.1", 8080), "hello");
  removeEndpoint(net.directory, containerId);
  EXPECT_TRUE(readEndpoints(net.directory).empty());
}

TEST_F(NetworkTest, routesOfTheHostAreSeen) {
  ensureNetwork(root, network('a', "10.7.0"));
  bool isSeen = false;
  for (const IpPrefix& subnet : routedSubnets(root.route))
    isSeen = isSeen || (subnet.address == Ip::parse("10.7.0.0") && subnet.length == 24);
  EXPECT_TRUE(isSeen);
}

TEST(Ip, subnetsBeginWhereTheyDo) {
  EXPECT_EQ(Ip::parse("172.17.3.4").subnet(16).text(), "172.17.0.0");
  EXPECT_EQ(Ip::parse("1.2.3.4").mask(17).text(), "255.255.128.0");
  EXPECT_EQ(Ip::parse("fd00::ffff").subnet(112).text(), "fd00::");
  EXPECT_TRUE(Ip::parse("::1").isLoopback());
  EXPECT_TRUE(Ip::parse("127.3.2.1").isLoopback());
  EXPECT_THROW(Ip::parse("1.2.3"), sys::Error);
  EXPECT_THROW(parseMac("02:42:ac:11:00"), sys::Error);
}

}  // namespace
}  // namespace strake::net
