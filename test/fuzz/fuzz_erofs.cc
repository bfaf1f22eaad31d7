// Whatever tar is indexed: the index is made or refused, the same tar gives the same bytes, and the kernel
// finds nothing wrong with what it mounts. Every 16th is mounted, detached, from STRAKE_FUZZ_DISK, where the
// kernel can and this process may.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "fuzz_source.h"
#include "layer/erofs_index.h"
#include "sys/directory.h"
#include "sys/error.h"
#include "sys/remove_tree.h"

namespace {

using namespace strake;

std::string madeBelow(const char* variable, const char* otherwise) {
  const char* base = ::getenv(variable);
  std::string name = std::string(base != nullptr ? base : otherwise) + "/strake-fuzz-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

/// {tar, lower/}, and a folder on the disk.
struct Ground {
  std::string memory = madeBelow("STRAKE_FUZZ_DIR", "/tmp");
  std::string disk = madeBelow("STRAKE_FUZZ_DISK", "/var/tmp");
  Ground() {
    std::filesystem::create_directories(memory + "/lower/usr/lib");
    std::filesystem::create_symlink("usr/lib", memory + "/lower/lib");
    std::filesystem::create_symlink("../../..", memory + "/lower/out");
    std::ofstream(memory + "/lower/usr/lib/file") << "below";
  }
  ~Ground() {
    sys::removeTree(memory);
    sys::removeTree(disk);
  }
};

void write(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// false: refused.
bool index(const uint8_t* data, size_t size, const sys::LayerRef& layer, const std::string& lower) {
  ::unlink(layer.index.c_str());
  try {
    fuzz::Source source(data, size);
    write(layer.tar, source.bytes());
    layer::LayerIndex(source, 200)
        .write(layer.index, layer.tar, {"sha256:" + std::string(64, '0'), "sha256:" + std::string(64, '1')},
               {{.directory = lower}});
    return true;
  } catch (const sys::Error&) {
  } catch (const sys::SysError& error) {
    if (error.error() != EFBIG && error.error() != EINVAL) std::abort();
  }
  return false;
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Reads everything. A file's first and last pages will do: it may be a hole of terabytes.
void walk(int directory) {
  sys::Directory names(sys::UniqueFd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), "");
  for (const std::string& name : names.names()) {
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) std::abort();
    char bytes[4096];
    if (S_ISLNK(status.st_mode) &&
        ::readlinkat(directory, name.c_str(), bytes, sizeof bytes) != status.st_size)
      std::abort();
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) continue;
    const sys::UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) std::abort();
    if (S_ISDIR(status.st_mode)) {
      walk(fd.get());
      continue;
    }
    const off_t last = std::max<off_t>(0, status.st_size - static_cast<off_t>(sizeof bytes));
    for (const off_t at : {off_t{0}, last})
      if (::pread(fd.get(), bytes, sizeof bytes, at) < 0) std::abort();
  }
}

bool canMount(const std::string& folder) {
  const sys::LayerRef probe{.index = folder + "/probe", .tar = folder + "/tar"};
  const std::vector<uint8_t> empty(1026);
  if (!index(empty.data(), empty.size(), probe, folder)) std::abort();
  try {
    sys::openLayer(probe);
    return true;
  } catch (const sys::SysError& error) {
    std::cerr << "nothing is mounted: " << error.what() << "\n";
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Ground ground;
  static const bool mayMount = canMount(ground.disk);
  static unsigned count = 0;
  if (size < 2) return 0;
  const std::string lower = ground.memory + "/lower";
  const bool mounts = ++count % 16 == 0 && mayMount;
  const std::string& folder = mounts ? ground.disk : ground.memory;
  const sys::LayerRef one{.index = folder + "/one", .tar = folder + "/tar"};
  const sys::LayerRef two{.index = folder + "/two", .tar = folder + "/tar"};
  if (!index(data, size, one, lower)) return 0;
  struct stat status {};
  ::stat(one.index.c_str(), &status);
  if (status.st_blocks * 512 > static_cast<off_t>(16 * size) + (1 << 20)) std::abort();
  if (status.st_size > 64 << 20) return 0;
  if (!index(data, size, two, lower) || contents(one.index) != contents(two.index)) std::abort();
  if (mounts) walk(sys::openLayer(one).get());
  return 0;
}
