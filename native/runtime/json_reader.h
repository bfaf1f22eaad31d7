// A JSON value that knows its own path, so that every complaint names the field: "linux.devices[3].major:
// expected an integer". Absent and null are the same. Nothing here knows the runtime spec.
#pragma once
#include <rapidjson/document.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/error.h"

namespace strake::runtime {

class JsonReader {
 public:
  JsonReader(const rapidjson::Value* value, std::string path) : value_(value), path_(std::move(path)) {}

  explicit operator bool() const noexcept { return value_ != nullptr && !value_->IsNull(); }
  const std::string& path() const noexcept { return path_; }

  [[noreturn]] void fail(const std::string& why) const {
    throw sys::Error("ERR_SPEC_INVALID", (path_.empty() ? "config" : path_) + ": " + why);
  }

  /// The member of an object; an absent one when there is none. Throws when this is present and no object.
  JsonReader operator[](const char* name) const {
    std::string path = path_.empty() ? name : path_ + "." + name;
    if (!*this) return {nullptr, std::move(path)};
    if (!value_->IsObject()) fail("expected an object");
    auto member = value_->FindMember(name);
    return {member == value_->MemberEnd() ? nullptr : &member->value, std::move(path)};
  }

  /// Calls `visit` for each element; absent is empty.
  void each(const std::function<void(const JsonReader&)>& visit) const {
    if (!*this) return;
    if (!value_->IsArray()) fail("expected an array");
    for (rapidjson::SizeType i = 0; i < value_->Size(); ++i)
      visit({&(*value_)[i], path_ + "[" + std::to_string(i) + "]"});
  }

  /// Calls `visit` for each member; absent is empty.
  void members(const std::function<void(const std::string&, const JsonReader&)>& visit) const {
    if (!*this) return;
    if (!value_->IsObject()) fail("expected an object");
    for (const auto& member : value_->GetObject()) {
      std::string name(member.name.GetString(), member.name.GetStringLength());
      visit(name, {&member.value, path_ + "." + name});
    }
  }

  /// A string without NUL bytes: they would end it early in a system call.
  std::string text() const {
    if (!*this || !value_->IsString()) fail("expected a string");
    std::string text(value_->GetString(), value_->GetStringLength());
    if (text.find('\0') != std::string::npos) fail("a NUL byte is not allowed");
    return text;
  }
  std::string textOr(std::string fallback) const { return *this ? text() : std::move(fallback); }

  bool booleanOr(bool fallback) const {
    if (!*this) return fallback;
    if (!value_->IsBool()) fail("expected true or false");
    return value_->GetBool();
  }

  template <typename Integer>
  Integer number() const {
    if (!*this) fail("expected an integer");
    if constexpr (std::numeric_limits<Integer>::is_signed) {
      if (!value_->IsInt64()) fail("expected an integer");
      return inRange<Integer>(value_->GetInt64());
    } else {
      if (!value_->IsUint64()) fail("expected an unsigned integer");
      return inRange<Integer>(value_->GetUint64());
    }
  }
  template <typename Integer>
  Integer numberOr(Integer fallback) const {
    return *this ? number<Integer>() : fallback;
  }
  template <typename Integer>
  std::optional<Integer> numberIfAny() const {
    if (!*this) return std::nullopt;
    return number<Integer>();
  }

  /// True for the number -1, which some writers put in unsigned fields.
  bool isNegativeOne() const { return *this && value_->IsInt64() && value_->GetInt64() == -1; }

  std::vector<std::string> texts() const {
    std::vector<std::string> list;
    each([&](const JsonReader& item) { list.push_back(item.text()); });
    return list;
  }

 private:
  template <typename Integer, typename Wide>
  Integer inRange(Wide wide) const {
    if (wide < std::numeric_limits<Integer>::min() || wide > std::numeric_limits<Integer>::max())
      fail("out of range");
    return static_cast<Integer>(wide);
  }

  const rapidjson::Value* value_;
  std::string path_;
};

}  // namespace strake::runtime
