// launch_bundle BUNDLE [--overlay LOWER[,LOWER…] UPPER WORK] [--user USER] [--trace]: runs a bundle with the
// native runtime and nothing around it. For trying things by hand and for measuring; the tests link the room
// itself.
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "runtime/launch.h"
#include "sys/error.h"

namespace {

using namespace strake;

std::string readFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

int run(int argc, char** argv) {
  if (argc < 2) throw sys::Error("ERR_INVALID_ARGUMENT", "usage: launch_bundle BUNDLE [options]");
  std::string bundle = argv[1];
  runtime::Spec spec = runtime::parseSpec(readFile(bundle + "/config.json"));
  runtime::LaunchRequest request{.spec = spec, .bundle = bundle, .id = "launch-bundle"};
  request.dieWithParent = true;
  for (int n = 2; n < argc; ++n) {
    std::string option = argv[n];
    if (option == "--trace") {
      request.trace = true;
    } else if (option == "--user" && n + 1 < argc) {
      request.user.user = argv[++n];
    } else if (option == "--overlay" && n + 3 < argc) {
      request.rootfs.kind = runtime::Rootfs::Kind::overlay;
      for (const std::string& path : split(argv[n + 1])) request.rootfs.lower.push_back({.directory = path});
      request.rootfs.upper = argv[n + 2];
      request.rootfs.work = argv[n + 3];
      request.rootfs.isVolatile = true;
      n += 3;
    } else {
      throw sys::Error("ERR_INVALID_ARGUMENT", "unknown option " + option);
    }
  }
  runtime::Launched launched = runtime::launch(request);
  for (const runtime::Warning& warning : launched.warnings)
    std::fprintf(stderr, "warning: %s: %s\n", warning.code.c_str(), warning.message.c_str());
  int64_t before = launched.trace.empty() ? 0 : launched.trace.front().at;
  for (const runtime::TraceStep& step : launched.trace) {
    std::fprintf(stderr, "%8ld us  %s\n", static_cast<long>((step.at - before) / 1000), step.step.c_str());
    before = step.at;
  }
  int status = 0;
  waitpid(launched.pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const runtime::LaunchError& error) {
    std::fprintf(stderr, "%s at %s: %s\n", error.code().c_str(), error.step().c_str(), error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 125;
}
