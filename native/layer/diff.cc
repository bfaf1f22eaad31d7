#include "layer/diff.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <thread>

#include "hash/sha256.h"
#include "layer/buffer_ring.h"
#include "layer/entry_path.h"
#include "layer/error.h"
#include "layer/layer_tree.h"
#include "layer/tree_writer.h"
#include "layer/xattrs.h"
#include "sys/directory.h"
#include "sys/whole_file.h"

namespace strake::layer {

namespace {

class DiffWriter final : public UpperVisitor {
 public:
  DiffWriter(const DiffOptions& options, ByteSink& sink) : options_(options), tar_(sink) {}

  void removed(const std::string& path) override {
    addMark(joined(parentOf(path), ".wh." + std::string(baseOf(path))));
  }

  void replaced(const std::string& path, const std::vector<std::string_view>&) override {
    addMark(joined(path, ".wh..wh..opq"));
  }

  void present(const UpperEntry& entry) override {
    if (entry.path.empty() && looksAsBelow(entry)) return;
    if (baseOf(entry.path).starts_with(".wh."))
      corrupt("the name " + quoted(entry.path) + " means in a layer that something is gone: rename the file");
    std::optional<TarEntry> described = describeFile(entry.fd, entry.path.empty() ? "." : entry.path);
    if (!described) return;
    clamp(described->mtime);
    const std::optional<std::string> first =
        S_ISDIR(entry.status.st_mode) ? std::nullopt : links_.firstName(entry.status, entry.path);
    if (first) {
      described->type = EntryType::hardLink;
      described->target = *first;
      described->size = 0;
      described->extents.clear();
      described->xattrs.clear();
    }
    add(*described);
    if (described->type == EntryType::regular) addContents(entry, described->size);
  }

  uint64_t finish() {
    tar_.finish();
    return entries_;
  }

 private:
  void addContents(const UpperEntry& entry, uint64_t size) {
    if (entry.dataRoot < 0) return writeContents(tar_, entry.fd, size, entry.path);
    const sys::UniqueFd below = openBeneath(entry.dataRoot, entry.dataPath, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    sys::check(below.get(), "openat2", entry.dataPath);
    writeContents(tar_, below.get(), size, entry.path);
  }

  /// An empty file with a name that says what is gone.
  void addMark(const std::string& path) {
    TarEntry entry;
    entry.path = path;
    entry.mode = 0600;
    add(entry);
  }

  void add(const TarEntry& entry) {
    tar_.add(entry);
    ++entries_;
  }

  void clamp(timespec& time) const {
    if (options_.latest && time.tv_sec >= *options_.latest) time = {*options_.latest, 0};
  }

  bool looksAsBelow(const UpperEntry& root) const {
    struct stat below {};
    if (!statBelow(options_.walk.below, "", below)) return false;
    const struct stat& status = root.status;
    if (status.st_mode != below.st_mode || status.st_uid != below.st_uid || status.st_gid != below.st_gid)
      return false;
    return readXattrs(root.fd, ".") == readXattrs(options_.walk.below, ".");
  }

  const DiffOptions& options_;
  TarWriter tar_;
  HardLinks links_;
  uint64_t entries_ = 0;
};

/// Collects small pieces into a ring's large buffers.
class RingSink final : public ByteSink {
 public:
  explicit RingSink(BufferRing& ring) : ring_(ring) {}

  void write(std::span<const uint8_t> bytes) override {
    while (!bytes.empty()) {
      if (buffer_.empty()) buffer_ = ring_.acquire();
      const size_t part = std::min(bytes.size(), buffer_.size() - used_);
      std::copy_n(bytes.data(), part, buffer_.data() + used_);
      used_ += part;
      bytes = bytes.subspan(part);
      if (used_ == buffer_.size()) flush();
    }
  }

  void flush() {
    if (used_ > 0) ring_.commit(used_);
    buffer_ = {};
    used_ = 0;
  }

 private:
  BufferRing& ring_;
  std::span<uint8_t> buffer_;
  size_t used_ = 0;
};

/// Hashes and writes what comes out of the ring.
class FileThread {
 public:
  FileThread(BufferRing& ring, const std::string& path)
      : ring_(ring),
        path_(path),
        file_(sys::check(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "open", path)),
        thread_([this] { run(); }) {}

  ~FileThread() {
    ring_.cancel();
    if (thread_.joinable()) thread_.join();
  }

  /// Waits for the end. Throws what the writing failed with.
  void join() {
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

  /// What it has failed with, once the ring is cancelled for that.
  std::exception_ptr failure() {
    if (thread_.joinable()) thread_.join();
    return failure_;
  }

  DiffFile result() { return {hash::toHex(hash_.finish()), size_, 0}; }

 private:
  void run() {
    try {
      for (auto bytes = ring_.next(); !bytes.empty(); bytes = ring_.next()) {
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        hash_.update(bytes);
        sys::writeAll(file_.get(), text, path_);
        size_ += bytes.size();
      }
    } catch (const Cancelled&) {
    } catch (...) {
      failure_ = std::current_exception();
      ring_.cancel();
    }
  }

  BufferRing& ring_;
  const std::string& path_;
  sys::UniqueFd file_;
  hash::Sha256 hash_;
  uint64_t size_ = 0;
  std::exception_ptr failure_;
  std::thread thread_;
};

class ChangeList final : public UpperVisitor {
 public:
  ChangeList(const UpperWalk& walk, size_t limit) : walk_(walk), limit_(limit) {}

  void removed(const std::string& path) override { add(Change::Kind::removed, path); }

  void replaced(const std::string& path, const std::vector<std::string_view>& kept) override {
    sys::UniqueFd below = openBeneath(walk_.below, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!below) return;
    sys::Directory directory(std::move(below), path);
    while (const std::optional<sys::DirectoryEntry> entry = directory.next()) {
      if (!std::binary_search(kept.begin(), kept.end(), std::string_view(entry->name)))
        add(Change::Kind::removed, joined(path, entry->name));
    }
  }

  void present(const UpperEntry& entry) override {
    if (entry.path.empty()) return;
    struct stat below {};
    add(statBelow(walk_.below, entry.path, below) ? Change::Kind::changed : Change::Kind::added, entry.path);
  }

  std::vector<Change> sorted() {
    std::sort(changes_.begin(), changes_.end(),
              [](const Change& left, const Change& right) { return left.path < right.path; });
    return std::move(changes_);
  }

 private:
  void add(Change::Kind kind, const std::string& path) {
    if (changes_.size() == limit_)
      throw sys::Error("ERR_OUTPUT_TOO_LARGE", "more than " + std::to_string(limit_) + " files have changed");
    changes_.push_back({kind, "/" + path});
  }

  const UpperWalk& walk_;
  size_t limit_;
  std::vector<Change> changes_;
};

constexpr size_t bufferCount = 4;
constexpr size_t bufferSize = 1 << 20;

}  // namespace

uint64_t writeDiff(const DiffOptions& options, ByteSink& sink) {
  DiffWriter writer(options, sink);
  walkUpper(options.walk, writer);
  return writer.finish();
}

DiffFile writeDiffFile(const DiffOptions& options, const std::string& path) {
  BufferRing ring(bufferCount, bufferSize);
  FileThread file(ring, path);
  RingSink sink(ring);
  uint64_t entries = 0;
  try {
    entries = writeDiff(options, sink);
    sink.flush();
  } catch (const Cancelled&) {
    std::rethrow_exception(file.failure());
  }
  ring.close();
  file.join();
  DiffFile result = file.result();
  result.entries = entries;
  return result;
}

std::vector<Change> listChanges(const UpperWalk& walk, size_t limit) {
  ChangeList list(walk, limit);
  walkUpper(walk, list);
  return list.sorted();
}

}  // namespace strake::layer
