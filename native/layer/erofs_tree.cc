#include "layer/erofs_tree.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "layer/error.h"
#include "sys/error.h"

namespace strake::layer::erofs {

namespace {

constexpr size_t firstSlots = 1 << 10;

/// Multiplies to 128 bits and folds them.
uint64_t fold(uint64_t left, uint64_t right) {
  const auto product = static_cast<unsigned __int128>(left) * right;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t randomSecret() {
  uint64_t secret = 0;
  if (::getrandom(&secret, sizeof secret, 0) != sizeof secret) sys::throwErrno("getrandom");
  return secret | 1;
}

/// Keyed by a secret of this process, so that no archive can be made whose names all collide.
size_t hashOf(InodeId directory, std::string_view name) {
  static const uint64_t secret = randomSecret();
  uint64_t hash = fold(secret ^ directory, secret ^ name.size() ^ 0x9e3779b97f4a7c15);
  while (!name.empty()) {
    uint64_t piece = 0;
    const size_t size = std::min(name.size(), sizeof piece);
    std::memcpy(&piece, name.data(), size);
    name.remove_prefix(size);
    hash = fold(hash ^ piece, secret ^ 0xa0761d6478bd642f);
  }
  return hash;
}

}  // namespace

bool isWhiteout(const Node& node) {
  return S_ISCHR(node.mode) && node.data == 0;
}

Tree::Tree() : slots_(firstSlots, none) {
  Node root;
  root.mode = S_IFDIR | 0755;
  root.implied = true;
  root.data = rootId;
  add(root);
}

InodeId Tree::add(const Node& node) {
  nodes_.push_back(node);
  return static_cast<InodeId>(nodes_.size() - 1);
}

size_t Tree::slotOf(InodeId directory, std::string_view name) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hashOf(directory, name) & mask;; at = (at + 1) & mask) {
    if (slots_[at] == none) return at;
    const Name& found = names_[slots_[at]];
    if (found.directory == directory && texts.at(found.text) == name) return at;
  }
}

NameId Tree::findAny(InodeId directory, std::string_view name) const {
  const NameId found = slots_[slotOf(directory, name)];
  return found == none || names_[found].inode == none ? none : found;
}

NameId Tree::find(InodeId directory, std::string_view name) const {
  const NameId found = findAny(directory, name);
  if (found == none || nodes_[names_[found].inode].contents == Contents::awaited) return none;
  return found;
}

NameId Tree::put(InodeId directory, std::string_view name, InodeId inode) {
  size_t slot = slotOf(directory, name);
  if (slots_[slot] == none) {
    if ((names_.size() + 1) * 3 > slots_.size() * 2) {
      grow();
      slot = slotOf(directory, name);
    }
    slots_[slot] = static_cast<NameId>(names_.size());
    names_.push_back({directory, texts.add(name), none});
  }
  remove(slots_[slot]);
  names_[slots_[slot]].inode = inode;
  return slots_[slot];
}

void Tree::grow() {
  slots_.assign(slots_.size() * 2, none);
  for (NameId id = 0; id < names_.size(); ++id)
    slots_[slotOf(names_[id].directory, texts.at(names_[id].text))] = id;
}

InodeId Tree::makeDirectory(InodeId parent, std::string_view name, bool implied) {
  Node made;
  made.mode = S_IFDIR | 0755;
  made.implied = implied;
  const InodeId id = add(made);
  moveDirectory(id, parent, name);
  if (implied) implied_.add(nodes_[id].size);
  return id;
}

void Tree::moveDirectory(InodeId directory, InodeId parent, std::string_view name) {
  nodes_[directory].gone = false;
  nodes_[directory].data = parent;
  nodes_[directory].size = nodes_[parent].size + 1 + name.size();
  put(parent, name, directory);
}

void Tree::remove(NameId name) {
  InodeId& inode = names_[name].inode;
  if (inode != none && S_ISDIR(nodes_[inode].mode)) nodes_[inode].gone = true;
  inode = none;
}

bool Tree::isReachable(InodeId directory) const {
  for (; directory != rootId; directory = nodes_[directory].data)
    if (nodes_[directory].gone) return false;
  return true;
}

bool Tree::isWithin(InodeId directory, InodeId ancestor) const {
  while (directory != ancestor && directory != rootId) directory = nodes_[directory].data;
  return directory == ancestor;
}

uint32_t Tree::addSparse(const SparseFile& file) {
  sparse.push_back(file);
  extentBytes_ += sizeof file + file.extents.size() * sizeof(Extent);
  return static_cast<uint32_t>(sparse.size() - 1);
}

// A counting sort by directory, then each directory's own names.
void Tree::arrange() {
  slots_ = {};
  starts_.assign(nodes_.size() + 1, 0);
  for (const Name& name : names_)
    if (name.inode != none) ++starts_[name.directory + 1];
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  order_.resize(starts_.back());
  std::vector<uint32_t> next(starts_.begin(), starts_.end() - 1);
  for (NameId id = 0; id < names_.size(); ++id)
    if (names_[id].inode != none) order_[next[names_[id].directory]++] = id;
  for (InodeId id = 0; id < nodes_.size(); ++id) {
    std::sort(order_.begin() + starts_[id], order_.begin() + starts_[id + 1],
              [this](NameId left, NameId right) { return textOf(left) < textOf(right); });
  }
  countLinks();
}

/// Only names that can be reached count: whatever lies below what was removed is gone.
void Tree::countLinks() {
  std::vector<InodeId> directories = {rootId};
  nodes_[rootId].links = 2;
  while (!directories.empty()) {
    const InodeId directory = directories.back();
    directories.pop_back();
    for (auto name = namesBegin(directory); name != namesEnd(directory); ++name) {
      Node& child = nodes_[target(*name)];
      if (!S_ISDIR(child.mode)) {
        ++child.links;
        continue;
      }
      child.links = 2;
      ++nodes_[directory].links;
      directories.push_back(target(*name));
    }
  }
}

}  // namespace strake::layer::erofs
