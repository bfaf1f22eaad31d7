// What this kernel and this user can do, found out by doing it. No thread of Node's enters a namespace: what
// needs one happens in a child that shares our memory and ends before we go on (CLONE_VM | CLONE_VFORK), or
// on a detached mount.
#pragma once
#include <string>
#include <vector>

namespace strake::addon {

struct Finding {
  std::string capability;  // a Capability of bindings/native.ts
  std::string reason;      // "": it can; otherwise why not, and what would help
};

/// Probes everything; `root`: an existing directory, below which overlay's own directories are made and
/// removed again. Does not throw for what this machine cannot do.
std::vector<Finding> probeAll(const std::string& root);

/// For each probe: "" or the reason.
std::string probeRoot();
std::string probeOverlay(const std::string& root, bool byDescriptor);
std::string probeErofs(const std::string& root);
std::string probeUserNamespaces();
std::string probeIdmappedMounts(const std::string& root);
std::string probeSeccomp();
std::string probeCgroups();
std::string probeRaiseLimits();

}  // namespace strake::addon
