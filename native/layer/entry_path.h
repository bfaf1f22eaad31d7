// Names of entries, made safe: relative to the layer's root, without "." and "..".
#pragma once
#include <deque>
#include <string>
#include <string_view>

namespace strake::layer {

/// Linux' PATH_MAX without the NUL, and NAME_MAX.
inline constexpr size_t maxPath = 4095;
inline constexpr size_t maxName = 255;

/// "./usr//bin/" -> "usr/bin"; the root is "". A leading "/" is dropped and ".." taken lexically, as Docker
/// does; one that would leave the root is ERR_LAYER_UNSAFE. ERR_LAYER_CORRUPT for a name or path longer than
/// Linux allows.
std::string normalise(std::string_view path);

/// What stands before the last "/" ("" when there is none), and what after it.
std::string_view parentOf(std::string_view path);
std::string_view baseOf(std::string_view path);

/// `parent`/`name`, where "" is the root.
std::string joined(std::string_view parent, std::string_view name);

/// "usr//bin" -> "usr", "bin"; "." and ".." are kept.
std::deque<std::string> namesOf(std::string_view path);

/// What a name means by the OCI image-spec's layer.md, "Whiteouts".
enum class Whiteout {
  none,
  /// ".wh.NAME": NAME of the layers below is gone.
  name,
  /// ".wh..wh..opq": all of the directory's contents of the layers below are gone.
  opaque,
  /// Other ".wh..wh." names: aufs' own records, without meaning here.
  ignored
};

/// Of a normalised path. ERR_LAYER_UNSAFE for a whiteout that names no file (".wh.", ".wh..", ".wh...") or
/// that is used as a directory.
Whiteout whiteoutOf(std::string_view path);

/// "etc/.wh.hosts" -> "etc/hosts".
std::string whitedOut(std::string_view path);

}  // namespace strake::layer
