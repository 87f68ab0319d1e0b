// The two ends of cereal that give and take results as JSON: FORMAT.md specifies it.
//
// cereal's own JSON archive would lose what follows a zero byte in a string, write bytes that are
// not UTF-8 and NaN as what is not JSON, and recurse as deep as the text says. These archives give
// back exactly what was put, the same as the binary ones in archive.h.
//
// An object belongs to one thread at a time.
#ifndef PERMACACHE_CODEC_JSON_ARCHIVE_H_
#define PERMACACHE_CODEC_JSON_ARCHIVE_H_

#include <bit>
#include <bitset>
#include <cereal/cereal.hpp>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include "permacache/codec/archive.h"
#include "permacache/json/json.h"

namespace permacache::codec {

// What may nest in one another. A JSON text that is deeper would overrun the stack of who decodes
// a recursive type from it, so no such text is written either.
inline constexpr size_t kDeepestJson = 1000;

// Each value of several parts is a node: an object if the first of its parts has a name, else an
// array. The length of a container is not written where it is that of its array.
class JsonEncoder : public cereal::OutputArchive<JsonEncoder>, public cereal::traits::TextArchive {
 public:
  // The writer must outlive the encoder.
  explicit JsonEncoder(json::Writer* writer);
  JsonEncoder(const JsonEncoder&) = delete;
  JsonEncoder& operator=(const JsonEncoder&) = delete;
  ~JsonEncoder();

  void SetName(std::string_view name) { name_ = name; }  // of the next part
  void BeginNode(bool is_range);
  void EndNode();

  void PutLength(uint64_t length);
  void PutScalar(std::string_view text);
  void PutString(std::string_view utf8);
  void PutBytes(std::string_view bytes);

 private:
  enum class Form { kUndecided, kArray, kObject };
  struct Node {
    bool is_range;
    Form form = Form::kUndecided;
    uint64_t parts = 0;
    std::optional<uint64_t> length = {};  // that it is to have, unless it is among the parts
  };

  void BeginPart();

  json::Writer& writer_;
  std::string name_;
  std::vector<Node> nodes_;
};

// Throws cereal::Exception when the JSON cannot be what was asked for.
class JsonDecoder : public TypedPointers<JsonDecoder>, public cereal::traits::TextArchive {
 public:
  // The reader must outlive the decoder. No length of a container may be greater than `limit`.
  JsonDecoder(json::Reader* reader, uint64_t limit);
  JsonDecoder(const JsonDecoder&) = delete;
  JsonDecoder& operator=(const JsonDecoder&) = delete;
  ~JsonDecoder();

  void SetName(std::string_view name) { name_ = name; }  // that the next part must have
  void BeginNode(bool is_range);
  void EndNode();

  uint64_t TakeLength();
  std::string_view TakeScalar();
  std::string TakeString();
  std::string TakeBytes();

  // A number as text: one of JSON, or a string for those that JSON does not have.
  std::string TakeNumber();

 private:
  struct Node {
    bool is_range;
    bool is_object;
    uint32_t size;
    uint64_t parts = 0;
  };

  json::Reader::Kind BeginPart();

  json::Reader& reader_;
  const uint64_t limit_;
  std::string name_;
  std::vector<Node> nodes_;
};

}  // namespace permacache::codec

CEREAL_SETUP_ARCHIVE_TRAITS(permacache::codec::JsonDecoder, permacache::codec::JsonEncoder)

namespace permacache::codec {
namespace internal {

template <class T>
inline constexpr bool kIsWrapper = false;
template <class T>
inline constexpr bool kIsWrapper<cereal::NameValuePair<T>> = true;
template <class T>
inline constexpr bool kIsWrapper<cereal::SizeTag<T>> = true;
template <class T>
inline constexpr bool kIsWrapper<cereal::BinaryData<T>> = true;
template <class T>
inline constexpr bool kIsWrapper<cereal::DeferredData<T>> = true;

template <class T>
inline constexpr bool kIsScalar = std::is_arithmetic_v<T>;
template <class Traits, class Allocator>
inline constexpr bool kIsScalar<std::basic_string<char, Traits, Allocator>> = true;
template <size_t kSize>
inline constexpr bool kIsScalar<std::bitset<kSize>> = true;

// What is one value of JSON, or stands for another type that cereal handles instead of it.
template <class T>
concept Node = !kIsWrapper<T> && !kIsScalar<T> &&
               !cereal::traits::has_minimal_base_class_serialization<
                   T, cereal::traits::has_minimal_output_serialization, JsonEncoder>::value &&
               !cereal::traits::has_minimal_output_serialization<T, JsonEncoder>::value;

// Integers as ones that have the same text everywhere, whatever sign a plain char has.
template <std::integral T>
auto ToPlainInteger(T number) {
  if constexpr (std::same_as<T, char>) {
    return static_cast<unsigned>(static_cast<unsigned char>(number));
  } else if constexpr (sizeof(T) < sizeof(int)) {
    return static_cast<int>(number);
  } else if constexpr (std::is_unsigned_v<T>) {
    return static_cast<std::make_unsigned_t<T>>(number);
  } else {
    return static_cast<std::make_signed_t<T>>(number);
  }
}

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == sizeof(uint32_t), uint32_t, uint64_t>;

// All NaNs but the usual one have their bits behind their name.
inline constexpr std::string_view kNanWithBits = "nan:";

template <std::floating_point T>
std::string RealText(T number) {
  char text[64];
  if constexpr (PortableNumber<T>) {
    const auto bits = std::bit_cast<BitsOf<T>>(number);
    const auto usual = std::bit_cast<BitsOf<T>>(std::numeric_limits<T>::quiet_NaN());
    if (std::isnan(number) && bits != usual) {
      const auto [end, error] = std::to_chars(text, text + sizeof(text), bits, 16);
      return std::string(kNanWithBits) + std::string(text, end);
    }
  }
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
  return std::string(text, end);
}

template <class T>
bool ParseBits(std::string_view text, T& number) {
  BitsOf<T> bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 16);
  number = std::bit_cast<T>(bits);
  return error == std::errc() && end == text.data() + text.size() && std::isnan(number);
}

template <std::floating_point T>
T ParseReal(std::string_view text) {
  T number;
  if constexpr (PortableNumber<T>) {
    if (text.starts_with(kNanWithBits)) {
      if (!ParseBits(text.substr(kNanWithBits.size()), number)) {
        throw cereal::Exception("a number is not one");
      }
      return number;
    }
  }
  if (!ParseDecimal(text, number)) throw cereal::Exception("a number is not one");
  return number;
}

template <std::integral T>
T ParseInteger(std::string_view text) {
  decltype(ToPlainInteger(T())) number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const T narrow = static_cast<T>(number);
  if (error != std::errc() || end != text.data() + text.size() ||
      ToPlainInteger(narrow) != number) {
    throw cereal::Exception("an integer is none of its type");
  }
  return narrow;
}

}  // namespace internal

template <internal::Node T>
void prologue(JsonEncoder& encoder, const T&) {
  encoder.BeginNode(std::ranges::range<T>);
}

template <internal::Node T>
void epilogue(JsonEncoder& encoder, const T&) {
  encoder.EndNode();
}

template <internal::Node T>
void prologue(JsonDecoder& decoder, const T&) {
  decoder.BeginNode(std::ranges::range<T>);
}

template <internal::Node T>
void epilogue(JsonDecoder& decoder, const T&) {
  decoder.EndNode();
}

// The functions that cereal finds for the parts, by their archive's namespace.

template <std::integral T>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const T& number) {
  if constexpr (std::same_as<T, bool>) {
    encoder.PutScalar(number ? "true" : "false");
  } else {
    char text[64];
    const auto [end, error] =
        std::to_chars(text, text + sizeof(text), internal::ToPlainInteger(number));
    encoder.PutScalar({text, end});
  }
}

template <std::integral T>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, T& number) {
  const std::string_view text = decoder.TakeScalar();
  if constexpr (std::same_as<T, bool>) {
    if (text != "true" && text != "false") throw cereal::Exception("a boolean is neither");
    number = text == "true";
  } else {
    number = internal::ParseInteger<T>(text);
  }
}

template <std::floating_point T>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const T& number) {
  const std::string text = internal::RealText(number);
  if (std::isfinite(number)) {
    encoder.PutScalar(text);
  } else {
    encoder.PutString(text);
  }
}

template <std::floating_point T>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, T& number) {
  number = internal::ParseReal<T>(decoder.TakeNumber());
}

template <class Traits, class Allocator>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder,
                               const std::basic_string<char, Traits, Allocator>& text) {
  encoder.PutBytes({text.data(), text.size()});
}

template <class Traits, class Allocator>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder,
                               std::basic_string<char, Traits, Allocator>& text) {
  const std::string bytes = decoder.TakeBytes();
  text.assign(bytes.data(), bytes.size());
}

template <size_t kSize>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const std::bitset<kSize>& bits) {
  encoder.PutString(bits.to_string());
}

template <size_t kSize>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, std::bitset<kSize>& bits) {
  const std::string text = decoder.TakeString();
  if (text.size() != kSize || text.find_first_not_of("01") != text.npos) {
    throw cereal::Exception("a bitset has other digits or another length");
  }
  bits = std::bitset<kSize>(text);
}

// What cereal hands over in bulk is as many parts.
template <class T>
requires PortableNumber<BulkNumber<T>>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const cereal::BinaryData<T>& numbers) {
  const auto* bytes = static_cast<const char*>(static_cast<const void*>(numbers.data));
  for (size_t i = 0; i < numbers.size; i += sizeof(BulkNumber<T>)) {
    BulkNumber<T> number;
    std::memcpy(&number, bytes + i, sizeof(number));
    encoder(number);
  }
}

template <class T>
requires PortableNumber<BulkNumber<T>>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, cereal::BinaryData<T>& numbers) {
  auto* bytes = static_cast<char*>(static_cast<void*>(numbers.data));
  for (size_t i = 0; i < numbers.size; i += sizeof(BulkNumber<T>)) {
    BulkNumber<T> number;
    decoder(number);
    std::memcpy(bytes + i, &number, sizeof(number));
  }
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const cereal::SizeTag<T>& length) {
  encoder.PutLength(static_cast<uint64_t>(length.size));
}

template <class T>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, cereal::SizeTag<T>& length) {
  length.size = static_cast<std::remove_reference_t<T>>(decoder.TakeLength());
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const cereal::NameValuePair<T>& member) {
  encoder.SetName(member.name);
  encoder(member.value);
}

// The order counts, as in binary: functions that save and load may give other names.
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, cereal::NameValuePair<T>& member) {
  decoder(member.value);
}

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_JSON_ARCHIVE_H_
