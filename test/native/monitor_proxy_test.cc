// Published ports by sockets, without a kernel's rules: what happens when there is no descriptor left.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "monitor/port_proxy.h"
#include "monitor/trouble.h"
#include "net/netns.h"
#include "sys/error.h"

namespace strake::monitor {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr uint8_t tcp = IPPROTO_TCP;

sys::UniqueFd connectTo(uint16_t port) {
  sys::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t size = net::Ip::parse("127.0.0.1").socketAddress(port, storage);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), size), 0) << strerror(errno);
  return socket;
}

/// How often the loop found something to do in that time.
int turns(EventLoop& loop, milliseconds time) {
  int count = 0;
  for (const auto end = Clock::now() + time; Clock::now() < end; ++count) loop.runOnce(10);
  return count;
}

/// No descriptor is left to this process as long as it lives.
class Exhausted {
 public:
  Exhausted() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~Exhausted() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(PortProxy, whoComesWhenNoDescriptorIsLeftWaitsAndCostsNothing) {
  const std::string path = ::testing::TempDir() + "strake-trouble-" + std::to_string(::getpid());
  EventLoop loop;
  sys::UniqueFd target = holdPort(-1, tcp, net::Ip::parse("127.0.0.1"), 0);
  sys::UniqueFd held = holdPort(-1, tcp, net::Ip::parse("127.0.0.1"), 0);
  const uint16_t port = portOf(held.get()), targetPort = portOf(target.get());
  const auto proxy = PortProxy::make(loop, tcp, std::move(held), {net::Ip::parse("127.0.0.1"), targetPort},
                                     [](int family, int type) { return net::socketIn(-1, family, type); });
  const sys::UniqueFd client = connectTo(port);
  {
    const Exhausted none;
    EXPECT_LT(turns(loop, milliseconds(400)), 60) << "it spins";
  }
  turns(loop, milliseconds(300));
  const sys::UniqueFd server(::accept(target.get(), nullptr, nullptr));
  ASSERT_TRUE(server);
  ASSERT_EQ(::send(client.get(), "hello", 5, 0), 5);
  turns(loop, milliseconds(50));
  char text[8];
  EXPECT_EQ(::recv(server.get(), text, sizeof text, MSG_DONTWAIT), 5);
  logTroubleTo(path);
  std::stringstream log;
  log << std::ifstream(path).rdbuf();
  EXPECT_NE(log.str().find("too many connections: accept4"), std::string::npos) << log.str();
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace strake::monitor
