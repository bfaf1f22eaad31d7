// Whatever layer is applied, nothing changes outside its root: a file and a directory beside it are watched.
// Needs root; without it most inputs end at the first owner or device, which tests less.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz_source.h"
#include "layer/apply.h"
#include "layer/complete.h"
#include "sys/error.h"
#include "sys/remove_tree.h"

namespace {

/// <folder>/{lower, outside/file}, made once; the layer comes and goes beside them.
struct Ground {
  Ground() {
    const char* base = ::getenv("STRAKE_FUZZ_DIR");
    std::string name = std::string(base != nullptr ? base : "/tmp") + "/strake-fuzz-XXXXXX";
    folder = ::mkdtemp(name.data());
    std::filesystem::create_directories(folder + "/outside");
    std::filesystem::create_directories(folder + "/lower/usr/lib");
    std::filesystem::create_symlink("usr/lib", folder + "/lower/lib");
    std::filesystem::create_symlink("../../..", folder + "/lower/out");
    std::ofstream(folder + "/lower/usr/lib/file") << "below";
    std::ofstream(folder + "/outside/file") << "untouched";
    ::umask(0);
  }
  ~Ground() { strake::sys::removeTree(folder); }

  void verify() const {
    size_t names = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++names;
    std::ifstream in(folder + "/outside/file");
    std::string text;
    in >> text;
    size_t outside = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder + "/outside"))
      ++outside;
    if (names != 2 || text != "untouched" || outside != 1) std::abort();
  }

  std::string folder;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strake;
  static const Ground ground;
  if (size < 2) return 0;
  const std::string target = ground.folder + "/layer";
  std::filesystem::create_directory(target);
  try {
    fuzz::Source source(data, size);
    layer::TarReader reader(source);
    const auto result = layer::Applier(target, 200).apply(reader);
    layer::completeLayer(target, {{.directory = ground.folder + "/lower"}}, result);
  } catch (const sys::Error&) {
  } catch (const sys::SysError&) {
  }
  sys::removeTree(target);
  ground.verify();
  return 0;
}
