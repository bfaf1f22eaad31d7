// JavaScript arguments as C++ values. A wrong type is a TypeError that names the argument's place.
#pragma once
#include <napi.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace strake::addon {

std::string text(const Napi::CallbackInfo& info, size_t index);
bool boolean(const Napi::CallbackInfo& info, size_t index);
/// A whole number that a double holds exactly (0 to 2^53-1).
uint64_t whole(const Napi::CallbackInfo& info, size_t index);
/// The same, or nothing for undefined.
std::optional<uint64_t> optionalWhole(const Napi::CallbackInfo& info, size_t index);
std::vector<std::string> texts(const Napi::CallbackInfo& info, size_t index);
Napi::Object object(const Napi::CallbackInfo& info, size_t index);
/// Borrows a Uint8Array's bytes: valid until the function returns to JavaScript.
std::span<const uint8_t> bytes(const Napi::CallbackInfo& info, size_t index);

std::string textOf(const Napi::Object& object, const char* key);
/// "" when it is undefined.
std::string optionalTextOf(const Napi::Object& object, const char* key);
bool booleanOf(const Napi::Object& object, const char* key);
uint64_t wholeOf(const Napi::Object& object, const char* key);

Napi::Array toArray(Napi::Env env, const std::vector<std::string>& values);

}  // namespace strake::addon
