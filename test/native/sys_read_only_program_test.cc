#include "sys/read_only_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "sys/error.h"

namespace strake::sys {
namespace {

/// A copy of /bin/true that this test may spoil.
class ReadOnlyProgramTest : public testing::Test {
 protected:
  ReadOnlyProgramTest() {
    char name[] = "/tmp/strake-program-XXXXXX";
    const UniqueFd file(::mkstemp(name));
    path_ = name;
    ::fchmod(file.get(), 0755);
    std::ofstream(path_, std::ios::binary) << std::ifstream("/bin/true", std::ios::binary).rdbuf();
  }
  ~ReadOnlyProgramTest() override { ::unlink(path_.c_str()); }

  static std::string viewOf(int fd) { return "/proc/self/fd/" + std::to_string(fd); }
  static int exitCodeOf(const std::string& program) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl(program.c_str(), "true", nullptr);
      ::_exit(111);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  }
  static int errorOfOpeningForWriting(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY));
    return fd ? 0 : errno;
  }

  std::string path_;
};

TEST_F(ReadOnlyProgramTest, TheMountIsExecutedAndCannotBeWritten) {
  const UniqueFd program = readOnlyMount(path_);
  if (!program) GTEST_SKIP() << "mounting needs root and Linux 5.12";
  EXPECT_EQ(exitCodeOf(viewOf(program.get())), 0);
  EXPECT_EQ(errorOfOpeningForWriting(viewOf(program.get())), EROFS);
}

TEST_F(ReadOnlyProgramTest, TheSealedCopyIsExecutedAndCannotBeWritten) {
  const UniqueFd program = sealedCopy(path_);
  EXPECT_EQ(exitCodeOf(viewOf(program.get())), 0);
  const UniqueFd writable(::open(viewOf(program.get()).c_str(), O_RDWR));
  EXPECT_LT(::write(writable.get(), "x", 1), 0);
  EXPECT_LT(::ftruncate(program.get(), 0), 0);
}

TEST_F(ReadOnlyProgramTest, IsMadeOnce) {
  EXPECT_EQ(readOnlyProgram(path_), readOnlyProgram(path_));
}

TEST_F(ReadOnlyProgramTest, AnAbsentProgramIsNamed) {
  EXPECT_THROW(readOnlyProgram("/nowhere/strake-monitor"), SysError);
}

}  // namespace
}  // namespace strake::sys
