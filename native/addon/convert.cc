#include "addon/convert.h"

#include <cmath>

namespace strake::addon {

namespace {

constexpr double maxSafeInteger = 9007199254740991.0;

[[noreturn]] void wrongType(Napi::Env env, const std::string& what, const char* wanted) {
  throw Napi::TypeError::New(env, what + " must be " + wanted);
}

std::string place(size_t index) {
  return "argument " + std::to_string(index + 1);
}

std::string asText(const Napi::Value& value, const std::string& what) {
  if (!value.IsString()) wrongType(value.Env(), what, "a string");
  std::string result = value.As<Napi::String>().Utf8Value();
  if (result.find('\0') != std::string::npos) wrongType(value.Env(), what, "a string without NUL");
  return result;
}

bool asBoolean(const Napi::Value& value, const std::string& what) {
  if (!value.IsBoolean()) wrongType(value.Env(), what, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

uint64_t asWhole(const Napi::Value& value, const std::string& what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= maxSafeInteger) || std::floor(number) != number) {
    wrongType(value.Env(), what, "a whole number from 0 to 2^53-1");
  }
  return static_cast<uint64_t>(number);
}

}  // namespace

std::string text(const Napi::CallbackInfo& info, size_t index) {
  return asText(info[index], place(index));
}

bool boolean(const Napi::CallbackInfo& info, size_t index) {
  return asBoolean(info[index], place(index));
}

uint64_t whole(const Napi::CallbackInfo& info, size_t index) {
  return asWhole(info[index], place(index));
}

std::optional<uint64_t> optionalWhole(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsUndefined()) return std::nullopt;
  return whole(info, index);
}

std::vector<std::string> texts(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsArray()) wrongType(info.Env(), place(index), "an array of strings");
  const auto array = info[index].As<Napi::Array>();
  std::vector<std::string> result;
  result.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) result.push_back(asText(array[i], place(index)));
  return result;
}

Napi::Object object(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsObject()) wrongType(info.Env(), place(index), "an object");
  return info[index].As<Napi::Object>();
}

std::span<const uint8_t> bytes(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsTypedArray() ||
      info[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    wrongType(info.Env(), place(index), "a Uint8Array");
  }
  const auto array = info[index].As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

std::string textOf(const Napi::Object& object, const char* key) {
  return asText(object.Get(key), key);
}

std::string optionalTextOf(const Napi::Object& object, const char* key) {
  return object.Get(key).IsUndefined() ? std::string() : textOf(object, key);
}

bool booleanOf(const Napi::Object& object, const char* key) {
  return asBoolean(object.Get(key), key);
}

uint64_t wholeOf(const Napi::Object& object, const char* key) {
  return asWhole(object.Get(key), key);
}

Napi::Array toArray(Napi::Env env, const std::vector<std::string>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) array.Set(i, values[i]);
  return array;
}

}  // namespace strake::addon
