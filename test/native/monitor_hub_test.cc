#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "monitor/stdio_hub.h"

namespace strake::monitor {
namespace {

using protocol::Frame;

std::string frame(Frame type, const std::string& payload) {
  const auto header = protocol::encodeHeader(type, static_cast<uint32_t>(payload.size()));
  return std::string(header.data(), header.size()) + payload;
}

/// A hub whose container is this test: it has the other ends of its pipes.
class HubTest : public testing::Test {
 protected:
  HubTest() : hub(loop) {}

  void start(StdinMode mode, Attach attach = {true, true, true}) {
    int sockets[2];
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets);
    launcher.reset(sockets[0]);
    hub.addLauncher(sys::UniqueFd(sockets[1]));
    hub.attachLauncher(attach);
    hub.setStdinMode(mode);
    ContainerEnds ends;
    pipeTo(in, ends.in);
    pipeTo(ends.out, out);
    pipeTo(ends.err, err);
    hub.setContainer(std::move(ends));
  }

  static void pipeTo(sys::UniqueFd& readEnd, sys::UniqueFd& writeEnd) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    readEnd.reset(ends[0]);
    writeEnd.reset(ends[1]);
  }

  void settle() {
    while (loop.runOnce(1)) hub.reap();
    hub.reap();
  }

  static std::string readNow(int fd) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string all;
    char buffer[65536];
    ssize_t got = 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) all.append(buffer, static_cast<size_t>(got));
    return all;
  }

  static bool atEnd(int fd) {
    char byte = 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return read(fd, &byte, 1) == 0;
  }

  static void writeAll(int fd, const std::string& text) {
    ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  /// The launcher takes nothing, and the container has to wait.
  void fillOut() {
    fcntl(out.get(), F_SETFL, O_NONBLOCK);
    const std::string piece(65536, 'x');
    for (int i = 0; i < 50; ++i) {
      static_cast<void>(!write(out.get(), piece.data(), piece.size()));
      settle();
    }
    ASSERT_LT(write(out.get(), piece.data(), piece.size()), 0);
  }

  EventLoop loop;
  StdioHub hub;
  sys::UniqueFd launcher, in, out, err;
};

TEST_F(HubTest, OutputReachesTheLauncherAsFrames) {
  start(StdinMode::none);
  writeAll(out.get(), "hello");
  settle();
  writeAll(err.get(), "oh");
  settle();
  EXPECT_EQ(readNow(launcher.get()), frame(Frame::stdoutData, "hello") + frame(Frame::stderrData, "oh"));
}

TEST_F(HubTest, StreamsThatAreNotAttachedAreDiscarded) {
  start(StdinMode::none, {false, true, false});
  writeAll(err.get(), "oh");
  settle();
  EXPECT_EQ(readNow(launcher.get()), "");
}

TEST_F(HubTest, StdinFramesReachTheContainerHoweverTheyAreCut) {
  start(StdinMode::once);
  for (const char byte :
       frame(Frame::stdinData, "abc") + frame(Frame::stdinData, "") + frame(Frame::stdinData, "def")) {
    writeAll(launcher.get(), std::string(1, byte));
    settle();
  }
  EXPECT_EQ(readNow(in.get()), "abcdef");
  EXPECT_FALSE(atEnd(in.get()));
  writeAll(launcher.get(), frame(Frame::stdinClose, ""));
  settle();
  EXPECT_TRUE(atEnd(in.get()));
}

TEST_F(HubTest, OnceEndsStdinWhenTheClientGoesAfterWhatItSent) {
  start(StdinMode::once);
  writeAll(launcher.get(), frame(Frame::stdinData, "last words"));
  launcher.reset();
  settle();
  EXPECT_EQ(readNow(in.get()), "last words");
  EXPECT_TRUE(atEnd(in.get()));
}

TEST_F(HubTest, OpenKeepsStdinWhenTheClientGoes) {
  start(StdinMode::open);
  launcher.reset();
  settle();
  EXPECT_FALSE(atEnd(in.get()));
}

TEST_F(HubTest, InputThatTheContainerDoesNotReadStopsTheClientAndIsNotLost) {
  start(StdinMode::once);
  fcntl(launcher.get(), F_SETFL, O_NONBLOCK);
  std::string sent;
  for (int i = 0; i < 1000; ++i) {  // far more than every buffer on the way
    const std::string piece = frame(Frame::stdinData, std::string(8000, static_cast<char>('a' + i % 26)));
    if (send(launcher.get(), piece.data(), piece.size(), 0) != static_cast<ssize_t>(piece.size())) break;
    sent.append(8000, static_cast<char>('a' + i % 26));
    settle();
  }
  EXPECT_LT(sent.size(), 1'000'000u) << "the client was made to wait";
  launcher.reset();
  settle();
  std::string got;
  for (int i = 0; i < 100; ++i) {
    got += readNow(in.get());
    settle();
  }
  EXPECT_EQ(got.substr(0, sent.size()), sent) << "though it hung up, all that it sent arrives";
  EXPECT_TRUE(atEnd(in.get()));
}

TEST_F(HubTest, ASlowClientStopsTheContainerAndNothingIsLost) {
  start(StdinMode::none);
  fcntl(out.get(), F_SETFL, O_NONBLOCK);
  std::string written;
  for (int i = 0; i < 200; ++i) {
    const std::string piece(16384, static_cast<char>('a' + i % 26));
    const ssize_t result = write(out.get(), piece.data(), piece.size());
    if (result > 0) written.append(piece, 0, static_cast<size_t>(result));
    settle();
  }
  EXPECT_LT(written.size(), 1'000'000u) << "the container was made to wait";
  EXPECT_TRUE(hub.hasUnsent());
  std::string frames;
  for (int i = 0; i < 50; ++i) {
    frames += readNow(launcher.get());
    settle();
  }
  std::string got;
  for (size_t at = 0; at < frames.size();) {
    uint32_t length = 0;
    memcpy(&length, frames.data() + at + 4, 4);
    got += frames.substr(at + 8, be32toh(length));
    at += 8 + be32toh(length);
  }
  EXPECT_EQ(got, written);
}

TEST_F(HubTest, AClientThatHangsUpFreesTheContainer) {
  start(StdinMode::none);
  fillOut();
  launcher.reset();
  settle();
  EXPECT_GT(write(out.get(), "x", 1), 0);
}

TEST_F(HubTest, AClientThatTakesNothingAndSendsNoFramesFreesTheContainer) {
  start(StdinMode::none);
  fillOut();
  writeAll(launcher.get(), std::string(64, '\xff'));
  settle();
  EXPECT_GT(write(out.get(), "x", 1), 0);
}

TEST_F(HubTest, ResizeReachesTheTerminal) {
  int sockets[2];
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets);
  launcher.reset(sockets[0]);
  hub.addLauncher(sys::UniqueFd(sockets[1]));
  int master = -1;
  int slave = -1;
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  ContainerEnds ends;
  ends.terminal.reset(master);
  hub.setContainer(std::move(ends));
  writeAll(launcher.get(), frame(Frame::resize, std::string("\0\x32\0\x84", 4)));
  settle();
  winsize size{};
  ioctl(slave, TIOCGWINSZ, &size);
  EXPECT_EQ(size.ws_row, 50);
  EXPECT_EQ(size.ws_col, 132);
  close(slave);
}

TEST_F(HubTest, BytesThatAreNoFramesEndTheConnectionAlone) {
  start(StdinMode::open);
  writeAll(launcher.get(), std::string(64, '\xff'));
  settle();
  EXPECT_TRUE(atEnd(launcher.get()));
  EXPECT_FALSE(atEnd(in.get()));
}

TEST_F(HubTest, DrainPassesOnEverythingEvenToASlowClient) {
  start(StdinMode::none);
  writeAll(out.get(), std::string(60'000, 'a'));
  writeAll(err.get(), std::string(60'000, 'b'));
  hub.drain();
  hub.finish("{}");
  std::string all;
  for (int i = 0; i < 10; ++i) {
    all += readNow(launcher.get());
    settle();
  }
  EXPECT_EQ(std::ranges::count(all, 'a'), 60'000);
  EXPECT_EQ(std::ranges::count(all, 'b'), 60'000);
  EXPECT_TRUE(all.ends_with(frame(Frame::exited, "{}")));
}

TEST_F(HubTest, AClientThatStillWritesAtTheEndLosesNothing) {
  start(StdinMode::once);
  in.reset();
  writeAll(out.get(), "last");
  writeAll(launcher.get(), frame(Frame::stdinData, "nobody reads this"));
  hub.drain();
  hub.finish("{}");
  settle();
  writeAll(launcher.get(), frame(Frame::stdinClose, ""));  // no EPIPE
  settle();
  EXPECT_EQ(readNow(launcher.get()), frame(Frame::stdoutData, "last") + frame(Frame::exited, "{}"));
  EXPECT_TRUE(atEnd(launcher.get()));
  EXPECT_TRUE(hub.hasClients());
  launcher.reset();
  settle();
  EXPECT_FALSE(hub.hasClients());
}

TEST_F(HubTest, DrainingEndsThoughAProcessThatWasLeftBehindWritesOnForEver) {
  struct Refill : OutputSource::Owner {
    void onOutput(Stream, std::span<const char> bytes) override {
      got += bytes.size();
      ASSERT_LT(got, size_t{16} << 20) << "it reads what has been written since";
      writeAll(pipe, std::string(bytes.size(), 'y'));
    }
    int pipe = -1;
    size_t got = 0;
  } owner;
  sys::UniqueFd reading, writing;
  pipeTo(reading, writing);
  OutputSource source(Stream::out, std::move(reading), loop, owner);
  ::signal(SIGPIPE, SIG_IGN);
  owner.pipe = writing.get();
  writeAll(writing.get(), "y");
  source.drain();
  EXPECT_GE(owner.got, 1u);
}

TEST(FrameReader, RefusesFramesThatAreTooLong) {
  struct Nobody : protocol::FrameHandler {
    void onStdin(std::span<const char>) override {}
    void onFrame(Frame, std::span<const char>) override {}
  } nobody;
  protocol::FrameReader reader;
  EXPECT_FALSE(reader.feed(protocol::encodeHeader(Frame::attach, 5000), nobody));
  protocol::FrameReader other;
  EXPECT_FALSE(other.feed(protocol::encodeHeader(Frame::stdoutData, 1), nobody));
}

}  // namespace
}  // namespace strake::monitor
