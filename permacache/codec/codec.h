// Results as bytes, and back: binary, or JSON for people and version control.
//
// Both mean the same on every machine; FORMAT.md beside this file specifies them. Results may
// be made of booleans, numbers, enums, strings, the standard's containers, optional, variant,
// pairs, tuples, smart pointers, chrono, complex, aggregates of these without a line of user code,
// and of every type with cereal's serialize or save and load functions. Vectors and arrays of
// numbers are copied in bulk. A type must be default-constructible.
//
// Pure functions, safe from any thread.
#ifndef PERMACACHE_CODEC_CODEC_H_
#define PERMACACHE_CODEC_CODEC_H_

#include <cereal/types/array.hpp>
#include <cereal/types/bitset.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/forward_list.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "permacache/codec/aggregate.h"
#include "permacache/codec/archive.h"
#include "permacache/codec/encoding.h"
#include "permacache/codec/json_archive.h"
#include "permacache/codec/pointers.h"
#include "permacache/codec/shape.h"
#include "permacache/json/json.h"

namespace permacache::codec {

namespace internal {

inline constexpr std::string_view kJsonBegin = "{\n  \"type\": ";
inline constexpr std::string_view kJsonEnd = "\n}";

// What JSON of a T has before the value itself.
template <class T>
const std::string& JsonHead() {
  static const std::string head = [] {
    std::string text(kJsonBegin);
    json::AppendString(text, Shape<T>());
    return text + ",\n  \"value\": ";
  }();
  return head;
}

template <class T>
std::string EncodeJson(const T& value) {
  std::string text;
  json::Writer writer(&text);
  writer.BeginObject();
  writer.Name("type");
  writer.String(Shape<T>());
  writer.Name("value");
  JsonEncoder encoder(&writer);
  encoder(value);
  writer.End();
  return text;
}

template <class T>
T DecodeBinary(std::string_view bytes) {
  if constexpr (PortableNumber<T>) {
    // An archive costs more than the rest of a hit.
    if (bytes.size() == sizeof(T)) return NumberIn<T>(bytes);
  }
  Decoder decoder(bytes);
  T value{};
  decoder(value);
  if (!decoder.AtEnd()) throw cereal::Exception("the value goes on after its last field");
  return value;
}

template <class T>
T DecodeJson(std::string_view text) {
  if (!text.ends_with(kJsonEnd)) throw cereal::Exception("the JSON ends too early");
  text.remove_suffix(kJsonEnd.size());
  if (!json::IsValid(text)) throw cereal::Exception("it is not JSON");
  json::Reader reader(text);
  JsonDecoder decoder(&reader, text.size());
  T value{};
  decoder(value);
  return value;
}

}  // namespace internal

// Throws what copying parts of `value` throws, std::bad_alloc at most. As JSON also
// cereal::Exception, for a value that is nested too deep.
template <class T>
std::string Encode(const T& value, Encoding encoding = Encoding::kBinary) {
  if (encoding == Encoding::kJson) return internal::EncodeJson(value);
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.PutNumber(Fingerprint<T>());
  encoder(value);
  return bytes;
}

// The first 8 bytes of JSON would be a fingerprint for one type in 2^64.
inline Encoding EncodingOf(std::string_view bytes) {
  return bytes.starts_with(internal::kJsonBegin) ? Encoding::kJson : Encoding::kBinary;
}

namespace internal {

template <class T>
bool IsBinaryOf(std::string_view bytes) {
  return bytes.size() >= sizeof(uint64_t) && NumberIn<uint64_t>(bytes) == Fingerprint<T>();
}

template <class T>
bool IsJsonOf(std::string_view bytes) {
  return EncodingOf(bytes) == Encoding::kJson && bytes.starts_with(JsonHead<T>());
}

}  // namespace internal

// Whether `bytes` begin like a value of exactly the type T, in either encoding.
template <class T>
bool HasShapeOf(std::string_view bytes) {
  return internal::IsBinaryOf<T>(bytes) || internal::IsJsonOf<T>(bytes);
}

// Bytes of the right type that are no value: they are too few, too many or impossible.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The value of either encoding. Nothing if it is of another type, or of T as it was before a
// change. Throws DecodeError.
template <class T>
std::optional<T> Decode(std::string_view bytes) {
  static_assert(std::is_default_constructible_v<T>,
                "permacache: a result must be default-constructible, as reading it back fills in "
                "an empty one");
  try {
    if (internal::IsBinaryOf<T>(bytes)) {
      return internal::DecodeBinary<T>(bytes.substr(sizeof(uint64_t)));
    }
    if (internal::IsJsonOf<T>(bytes)) {
      return internal::DecodeJson<T>(bytes.substr(internal::JsonHead<T>().size()));
    }
  } catch (const std::exception& error) {
    throw DecodeError(std::string("the stored value cannot be decoded: ") + error.what());
  }
  return std::nullopt;
}

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_CODEC_H_
