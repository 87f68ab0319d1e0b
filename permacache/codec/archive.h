// The two ends of cereal that give and take permacache's bytes: FORMAT.md specifies them.
//
// cereal knows how containers and users' own serialize functions fall into parts; these archives
// write the parts, little end first and of fixed width, into a string instead of a stream, and
// read them back without ever reading or allocating beyond what is there.
//
// An object belongs to one thread at a time. What does not depend on the values' types is in
// archive.cc, so that programs compile fast: what cereal keeps in an archive takes long.
#ifndef PERMACACHE_CODEC_ARCHIVE_H_
#define PERMACACHE_CODEC_ARCHIVE_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cereal/cereal.hpp>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace permacache::codec {

// Numbers that have the same bytes everywhere once their order is fixed.
template <class T>
concept PortableNumber =
    std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, long double>;

// Copies `size` bytes that hold numbers of `width` bytes each, between the order of this machine
// and little end first.
inline void CopyLittleEndian(char* to, const char* from, size_t size, size_t width,
                             std::endian order = std::endian::native) {
  if (order == std::endian::little || width == 1) {
    if (size > 0) std::memcpy(to, from, size);
    return;
  }
  for (size_t i = 0; i < size; i += width) std::reverse_copy(from + i, from + i + width, to + i);
}

// The number that these bytes begin with, of which there must be enough.
template <PortableNumber T>
T NumberIn(std::string_view bytes) {
  T number;
  CopyLittleEndian(reinterpret_cast<char*>(&number), bytes.data(), sizeof(T), sizeof(T));
  return number;
}

// The archives here and in json_archive.h.
template <class Archive>
concept OwnEncoder = std::derived_from<Archive, cereal::OutputArchive<Archive>>;

class Encoder : public cereal::OutputArchive<Encoder> {
 public:
  // Appends to `*bytes`, which must outlive the encoder.
  explicit Encoder(std::string* bytes);
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder();

  template <PortableNumber T>
  void PutNumber(T number) {
    PutNumbers(&number, sizeof(T), sizeof(T));
  }

  // `size` is in bytes, as is the `width` of one number.
  void PutNumbers(const void* numbers, size_t size, size_t width) {
    const size_t begin = bytes_->size();
    bytes_->resize(begin + size);
    CopyLittleEndian(bytes_->data() + begin, static_cast<const char*>(numbers), size, width);
  }

 private:
  std::string* bytes_;
};

// cereal lets any shared pointer name any earlier one by number and casts what it finds. This hides
// its functions and checks that it is of the type that was last said to be expected.
template <class Archive>
class TypedPointers : public cereal::InputArchive<Archive> {
 public:
  void ExpectShared(const void* type) { expected_type_ = type; }

  void registerSharedPointer(uint32_t id, const std::shared_ptr<void>& pointer) {
    type_of_shared_[id & ~cereal::detail::msb_32bit] = expected_type_;
    Base::registerSharedPointer(id, pointer);
  }

  std::shared_ptr<void> getSharedPointer(uint32_t id) {
    if (const auto type = type_of_shared_.find(id);
        type != type_of_shared_.end() && type->second != expected_type_) {
      throw cereal::Exception("a shared pointer refers to one of another type");
    }
    return Base::getSharedPointer(id);
  }

 protected:
  explicit TypedPointers(Archive* archive) : Base(archive) {}

 private:
  using Base = cereal::InputArchive<Archive>;

  const void* expected_type_ = nullptr;
  std::unordered_map<uint32_t, const void*> type_of_shared_;
};

// The archives here and in json_archive.h.
template <class Archive>
concept OwnDecoder = std::derived_from<Archive, TypedPointers<Archive>>;

// Throws cereal::Exception when the bytes cannot be what was asked for.
class Decoder : public TypedPointers<Decoder> {
 public:
  // The bytes must outlive the decoder.
  explicit Decoder(std::string_view bytes);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  template <PortableNumber T>
  T TakeNumber() {
    T number;
    TakeNumbers(&number, sizeof(T), sizeof(T));
    return number;
  }

  void TakeNumbers(void* numbers, size_t size, size_t width) {
    if (size > rest_.size()) throw cereal::Exception("the value ends before its last field");
    CopyLittleEndian(static_cast<char*>(numbers), rest_.data(), size, width);
    rest_.remove_prefix(size);
  }

  // The length of a container. No element is shorter than a byte, so a length beyond the rest
  // is a lie; believing it would allocate what it asks for.
  uint64_t TakeLength() {
    const uint64_t length = TakeNumber<uint64_t>();
    if (length > rest_.size()) throw cereal::Exception("a length reaches beyond the value");
    return length;
  }

  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace permacache::codec

CEREAL_SETUP_ARCHIVE_TRAITS(permacache::codec::Decoder, permacache::codec::Encoder)

namespace permacache::codec {

// The functions that cereal finds for the parts, by their archive's namespace.

template <PortableNumber T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const T& number) {
  encoder.PutNumber(number);
}

template <PortableNumber T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, T& number) {
  number = decoder.TakeNumber<T>();
}

template <std::same_as<bool> T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const T& value) {
  encoder.PutNumber<uint8_t>(value ? 1 : 0);
}

template <std::same_as<bool> T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, T& value) {
  const uint8_t byte = decoder.TakeNumber<uint8_t>();
  if (byte > 1) throw cereal::Exception("a boolean is neither 0 nor 1");
  value = byte == 1;
}

// Whether all of `text` is a number, as std::to_chars writes it.
bool ParseDecimal(std::string_view text, float& number);
bool ParseDecimal(std::string_view text, double& number);
bool ParseDecimal(std::string_view text, long double& number);

// long double has another width on each machine, but the same decimal text.
template <std::same_as<long double> T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const T& number) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
  encoder.PutNumber<uint8_t>(static_cast<uint8_t>(end - text));
  encoder.PutNumbers(text, end - text, 1);
}

template <std::same_as<long double> T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, T& number) {
  char text[std::numeric_limits<uint8_t>::max()];
  const uint8_t length = decoder.TakeNumber<uint8_t>();
  decoder.TakeNumbers(text, length, 1);
  if (!ParseDecimal({text, length}, number)) throw cereal::Exception("a number is not one");
}

// What cereal hands over in bulk: a vector or array of numbers, the characters of a string.
template <class T>
using BulkNumber = std::remove_cv_t<std::remove_pointer_t<std::remove_reference_t<T>>>;

template <class T>
requires PortableNumber<BulkNumber<T>>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const cereal::BinaryData<T>& numbers) {
  encoder.PutNumbers(numbers.data, numbers.size, sizeof(BulkNumber<T>));
}

template <class T>
requires PortableNumber<BulkNumber<T>>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, cereal::BinaryData<T>& numbers) {
  decoder.TakeNumbers(numbers.data, numbers.size, sizeof(BulkNumber<T>));
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const cereal::SizeTag<T>& length) {
  encoder.PutNumber(static_cast<uint64_t>(length.size));
}

template <class T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, cereal::SizeTag<T>& length) {
  length.size = static_cast<std::remove_reference_t<T>>(decoder.TakeLength());
}

// cereal would copy sizeof(array) bytes, which is not 0, from nowhere.
template <OwnEncoder Archive, class T>
void CEREAL_SAVE_FUNCTION_NAME(Archive&, const std::array<T, 0>&) {}

template <OwnDecoder Archive, class T>
void CEREAL_LOAD_FUNCTION_NAME(Archive&, std::array<T, 0>&) {}

// cereal inserts each element before the last one, which turns the order of equal ones around.

template <OwnDecoder Archive, class Key, class Value, class Less, class Allocator>
void CEREAL_LOAD_FUNCTION_NAME(Archive& decoder, std::multimap<Key, Value, Less, Allocator>& map) {
  map.clear();
  for (uint64_t rest = decoder.TakeLength(); rest > 0; --rest) {
    Key key;
    Value value;
    decoder(cereal::make_map_item(key, value));
    map.emplace_hint(map.end(), std::move(key), std::move(value));
  }
}

template <OwnDecoder Archive, class Key, class Less, class Allocator>
void CEREAL_LOAD_FUNCTION_NAME(Archive& decoder, std::multiset<Key, Less, Allocator>& set) {
  set.clear();
  for (uint64_t rest = decoder.TakeLength(); rest > 0; --rest) {
    Key key;
    decoder(key);
    set.emplace_hint(set.end(), std::move(key));
  }
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const cereal::NameValuePair<T>& member) {
  encoder(member.value);
}

template <class T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, cereal::NameValuePair<T>& member) {
  decoder(member.value);
}

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_ARCHIVE_H_
