// The canonical text of a C++ value, whatever its kind.
//
// FORMAT.md beside this file is the specification, kinds.h tells the kinds apart.
#ifndef PERMACACHE_KEY_VALUE_TEXT_H_
#define PERMACACHE_KEY_VALUE_TEXT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "permacache/key/array_text.h"
#include "permacache/key/kinds.h"
#include "permacache/key/map_text.h"
#include "permacache/key/object_text.h"
#include "permacache/key/refusal.h"
#include "permacache/key/scalar_text.h"
#include "permacache/key/time_text.h"
#include "permacache/reflection/reflection.h"

namespace permacache::key {

// A value whose text would be longer than this many bytes is digested in the native format.
inline constexpr size_t kLongestText = 1 << 16;

namespace internal {

// Replaces the text from `begin` on: {".type": "digest", "blake3": "...", "length": 100000}
void ReplaceByDigest(std::string& text, size_t begin);

// {".type": "string", "blake3": "...", "length": 100000}: of the bytes of the string, so that what
// is long need not be escaped first.
void AppendStringDigest(std::string& text, std::string_view value);

// SHA-256 in hexadecimal digits.
std::string StableHashOfText(std::string_view text);

// The name of a type as it stands in a text.
template <class T>
constexpr std::string_view NameInText() {
  constexpr std::string_view kName = reflection::TypeName<T>();
  static_assert(!kName.empty(),
                "permacache: a type without a name cannot be told from another in a key; give the "
                "struct, class or enum a name");
  return kName;
}

// Strings of any character type.
template <class Char>
void AppendCharacters(Output& out, std::basic_string_view<Char> value) {
  if constexpr (sizeof(Char) == 1) {
    const std::string_view bytes(reinterpret_cast<const char*>(value.data()), value.size());
    if (bytes.size() > kLongestText && out.format == KeyFormat::kNative) {
      AppendStringDigest(out.text, bytes);
    } else {
      AppendString(out.text, bytes);
    }
  } else if constexpr (std::is_same_v<Char, wchar_t>) {
    using Unit = std::conditional_t<sizeof(wchar_t) == 2, char16_t, char32_t>;
    AppendString(out.text, std::basic_string<Unit>(value.begin(), value.end()));
  } else {
    AppendString(out.text, value);
  }
}

template <class T>
void AppendStringLike(Output& out, const T& value) {
  using Char = std::ranges::range_value_t<const T>;
  AppendCharacters(
      out, std::basic_string_view<Char>(std::ranges::data(value), std::ranges::size(value)));
}

// An array of characters is a text that zeros fill up.
template <class Char, size_t kSize>
void AppendCharacterArray(Output& out, const Char (&value)[kSize]) {
  size_t size = kSize;
  while (size > 0 && value[size - 1] == Char()) --size;
  AppendCharacters(out, std::basic_string_view<Char>(value, size));
}

// Python has one kind of float.
template <class T>
void AppendAnyFloat(Output& out, T value) {
  if constexpr (sizeof(T) < sizeof(double)) {
    if (out.format == KeyFormat::kPython) {
      AppendFloat(out.text, static_cast<double>(value));
      return;
    }
  }
  AppendExtendedFloat(out.text, value);
}

template <class T>
void AppendEnum(Output& out, T value) {
  ObjectText object(out);
  object.Member(".type", std::string_view("enum"));
  object.Member("enum.name", NameInText<T>());
  object.Member("enum.value", +static_cast<std::underlying_type_t<T>>(value));
  object.End();
}

template <class T>
void AppendArithmeticRange(Output& out, const T& start, const T& stop, int64_t step) {
  std::string text = "range(";
  AppendInteger(text, start);
  text += ", ";
  AppendInteger(text, stop);
  if (step != 1) {
    text += ", ";
    AppendInteger(text, step);
  }
  text += ')';
  ObjectText object(out);
  object.Member(".type", std::string_view("range"));
  object.Member("representation", text);
  object.End();
}

template <class T>
void AppendComplex(Output& out, const T& value) {
  ObjectText object(out);
  object.Member(".type", std::string_view("complex"));
  object.Member("imag", value.imag());
  object.Member("real", value.real());
  object.End();
}

// The last bit first, as a number is written.
template <class T>
void AppendBits(Output& out, const T& bits) {
  std::string text;
  for (size_t i = bits.size(); i > 0; --i) text += bits.test(i - 1) ? '1' : '0';
  AppendString(out.text, text);
}

// Whether the text of a T may be "null".
template <class T>
inline constexpr bool kMayReadNull =
    kKind<T> == Kind::kNull || kKind<T> == Kind::kOptional || kKind<T> == Kind::kPointer;
template <class T>
inline constexpr bool kMayReadNull<Hashed<T>> = kMayReadNull<T>;
template <class T>
inline constexpr bool kMayReadNull<std::reference_wrapper<T>> =
    kMayReadNull<std::remove_const_t<T>>;

// What there may be or not. Inside, what may itself read "null" stands in a list, so that it does
// not read like nothing. Python, which has one kind of nothing, does not tell them apart.
template <class Value, class T>
void AppendMaybe(Output& out, bool there, const T& holder) {
  if (!there) {
    out.text += "null";
  } else if (kMayReadNull<Value> && out.format == KeyFormat::kNative) {
    ListText list(out);
    list.Element<Value>(*holder);
    list.End();
  } else {
    AppendValue<Value>(out, *holder);
  }
}

template <class T>
void AppendExpected(Output& out, const T& value) {
  ObjectText object(out);
  object.Member(".type", std::string_view("expected"));
  if (!value.has_value()) {
    object.Member("error", value.error());
  } else if constexpr (std::is_void_v<typename T::value_type>) {
    object.Member("value", nullptr);
  } else {
    object.Member("value", *value);
  }
  object.End();
}

// Calls visit(alternative) with what the variant holds, if it holds anything.
template <class T, class Visit>
void VisitAlternative(const T& variant, Visit visit) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    static_cast<void>(
        (((variant.index() == kIndex) && (visit(*get_if<kIndex>(&variant)), true)) || ...));
  }
  (std::make_index_sequence<kAlternativeCount<T>>());
}

// Python has no variants: there a value is just what it is.
template <class T>
void AppendVariant(Output& out, const T& variant) {
  const bool there = variant.index() < kAlternativeCount<T>;
  if (out.format == KeyFormat::kPython) {
    if (!there) out.text += "null";
    VisitAlternative(variant, [&](const auto& value) { AppendValue(out, value); });
    return;
  }
  ObjectText object(out);
  object.Member(".type", std::string_view("variant"));
  object.Member("index", there ? static_cast<int>(variant.index()) : -1);
  object.Name("value");
  if (!there) out.text += "null";
  VisitAlternative(variant, [&](const auto& value) { AppendValue(out, value); });
  object.End();
}

// How many numbers an element of an array of arrays has.
template <class T>
inline constexpr size_t kNumbersIn = 1;
template <HasFixedExtent T>
inline constexpr size_t kNumbersIn<T> =
    FixedArray<T>::kExtent* kNumbersIn<typename FixedArray<T>::Element>;

template <class T>
void AppendExtents(std::vector<size_t>& shape) {
  if constexpr (HasFixedExtent<T>) {
    shape.push_back(FixedArray<T>::kExtent);
    AppendExtents<typename FixedArray<T>::Element>(shape);
  }
}

template <class T>
void AppendNumbersDigest(Output& out, T& range, size_t length) {
  using Element = std::ranges::range_value_t<T>;
  using Number = typename InnermostElement<Element>::Type;
  std::vector<size_t> shape{length};
  AppendExtents<Element>(shape);
  if constexpr (InOnePiece<T>) {
    const ArrayView view(reinterpret_cast<const Number*>(std::ranges::data(range)), shape);
    AppendArrayDigest(out.text, DataType<Number>(), shape, DigestOfArray(view));
  } else {
    AppendArrayDigest(out.text, DataType<Number>(), shape, DigestOfScatteredNumbers(range));
  }
}

// Python has lists of numbers and bytes; its arrays are ArrayView.
template <class T>
void AppendNumbers(Output& out, T& range) {
  using Element = std::ranges::range_value_t<T>;
  if (out.format == KeyFormat::kPython) {
    if constexpr (kIsByte<Element> && InOnePiece<T>) {
      const auto bytes =
          std::as_bytes(std::span(std::ranges::data(range), std::ranges::size(range)));
      AppendString(out.text, hash::Hex(hash::Sha256OfContent(bytes)));
    } else {
      AppendList(out, range);
    }
    return;
  }
  const auto length = static_cast<size_t>(std::ranges::distance(range));
  if (length * kNumbersIn<Element> <= kLongestReadableArray) {
    AppendList(out, range);
  } else {
    AppendNumbersDigest(out, range, length);
  }
}

template <class T>
void AppendRange(Output& out, T& range) {
  if constexpr (kKind<std::remove_const_t<T>> == Kind::kNumbers) {
    AppendNumbers(out, range);
  } else {
    AppendList(out, range);
  }
}

template <size_t kIndex, class T>
decltype(auto) GetElement(const T& tuple) {  // a value, if that is what get returns
  if constexpr (requires { get<kIndex>(tuple); }) {
    return get<kIndex>(tuple);
  } else {
    return tuple.template get<kIndex>();
  }
}

template <class T>
void AppendTuple(Output& out, const T& tuple) {
  ListText list(out);
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    (list.Element<std::remove_cvref_t<std::tuple_element_t<kIndex, T>>>(GetElement<kIndex>(tuple)),
     ...);
  }
  (std::make_index_sequence<std::tuple_size_v<T>>());
  list.End();
}

template <reflection::Aggregate T>
constexpr auto FieldsInOrderOfNames() {
  constexpr size_t kCount = reflection::kFieldCount<T>;
  std::array<size_t, kCount> order{};
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    const std::array<std::string_view, kCount> names{reflection::FieldName<T, kIndex>()...};
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, {}, [&](size_t i) { return names[i]; });
  }
  (std::make_index_sequence<kCount>());
  return order;
}

template <class T>
void AppendFieldMembers(ObjectText& object, const T& value) {
  constexpr auto kOrder = FieldsInOrderOfNames<T>();
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    (object.Member(reflection::FieldName<T, kOrder[kIndex]>(),
                   boost::pfr::get<kOrder[kIndex]>(value)),
     ...);
  }
  (std::make_index_sequence<kOrder.size()>());
}

template <class T>
void AppendAggregate(Output& out, const T& value) {
  ObjectText object(out);
  object.Member(".attr.__name__", NameInText<T>());
  AppendFieldMembers(object, value);
  object.End();
}

template <class T>
void AppendHooked(Output& out, const T& value);

template <class T>
void AppendByKind(Output& out, const T& value) {
  constexpr Kind kIs = kKind<T>;
  if constexpr (kIs == Kind::kBool) {
    out.text += value ? "true" : "false";
  } else if constexpr (kIs == Kind::kCharacter) {
    AppendCharacters(out, std::basic_string_view<T>(&value, 1));
  } else if constexpr (kIs == Kind::kByte) {
    AppendInteger(out.text, std::to_integer<unsigned>(value));
  } else if constexpr (kIs == Kind::kInteger) {
    AppendInteger(out.text, value);
  } else if constexpr (kIs == Kind::kWideInteger) {
    AppendWideInteger(out.text, value);
  } else if constexpr (kIs == Kind::kFloat) {
    AppendAnyFloat(out, value);
  } else if constexpr (kIs == Kind::kNull) {
    out.text += "null";
  } else if constexpr (kIsCharacterArray<T>) {
    AppendCharacterArray(out, value);
  } else if constexpr (kIs == Kind::kString || kIs == Kind::kText) {
    AppendStringLike(out, value);
  } else if constexpr (kIs == Kind::kHooked) {
    AppendHooked(out, value);
  } else if constexpr (kIs == Kind::kEnum) {
    AppendEnum(out, value);
  } else if constexpr (kIs == Kind::kPath) {
    AppendStringLike(out, value.native());
  } else if constexpr (kIs == Kind::kHashed) {
    out.text += value.key_text(out.format);
  } else if constexpr (kIsArrayView<T>) {
    AppendArrayView(out, value);
  } else if constexpr (kIs == Kind::kArrayView) {
    AppendArrayView(out, ViewOf(value));
  } else if constexpr (kIsIotaOfIntegers<T>) {
    AppendArithmeticRange(out, *value.begin(), *value.end(), 1);
  } else if constexpr (kIs == Kind::kArithmeticRange) {
    AppendArithmeticRange(out, value.start, value.stop, value.step);
  } else if constexpr (kIs == Kind::kDuration) {
    AppendTicks(out, "duration", value);
  } else if constexpr (kIs == Kind::kTimePoint) {
    AppendTicks(out, "time_point", value.time_since_epoch());
  } else if constexpr (kIs == Kind::kCalendar) {
    AppendCalendar(out, value);
  } else if constexpr (kIs == Kind::kTimeOfDay) {
    AppendTicks(out, "duration", value.to_duration());
  } else if constexpr (kIs == Kind::kComplex) {
    AppendComplex(out, value);
  } else if constexpr (kIs == Kind::kBits) {
    AppendBits(out, value);
  } else if constexpr (kIs == Kind::kExpected) {
    AppendExpected(out, value);
  } else if constexpr (kIs == Kind::kOptional) {
    AppendMaybe<std::remove_cvref_t<typename T::value_type>>(out, value.has_value(), value);
  } else if constexpr (kIs == Kind::kVariant) {
    AppendVariant(out, value);
  } else if constexpr (kIs == Kind::kPointer) {
    AppendMaybe<std::remove_const_t<typename T::element_type>>(out, static_cast<bool>(value),
                                                               value);
  } else if constexpr (kIs == Kind::kReference) {
    AppendValue(out, value.get());
  } else if constexpr (kIs == Kind::kMap) {
    AppendMap(out, value);
  } else if constexpr (kIs == Kind::kSet) {
    AppendSet(out, value);
  } else if constexpr (kIs == Kind::kNumbers || kIs == Kind::kRange) {
    if constexpr (std::is_const_v<Iterated<T>>) {
      AppendRange(out, value);
    } else {
      T copy = value;
      AppendRange(out, copy);
    }
  } else if constexpr (kIs == Kind::kTuple) {
    AppendTuple(out, value);
  } else if constexpr (kIs == Kind::kAggregate) {
    AppendAggregate(out, value);
  } else {
    Refuse<T>();
  }
}

// Of these no text is long, or it is shortened already.
template <class T>
inline constexpr bool kIsAlwaysShort =
    kKind<T> == Kind::kBool || kKind<T> == Kind::kCharacter || kKind<T> == Kind::kByte ||
    kKind<T> == Kind::kInteger || kKind<T> == Kind::kFloat || kKind<T> == Kind::kNull ||
    kKind<T> == Kind::kEnum || kKind<T> == Kind::kHashed || kKind<T> == Kind::kNone;

}  // namespace internal

template <class T>
void AppendValue(Output& out, const T& value) {
  const size_t begin = out.text.size();
  internal::AppendByKind(out, value);
  if constexpr (!internal::kIsAlwaysShort<T>) {
    if (out.text.size() - begin > kLongestText && out.format == KeyFormat::kNative) {
      internal::ReplaceByDigest(out.text, begin);
    }
  }
}

// The fields of an aggregate as an object of its own: the arguments of a function that takes
// them all in one struct.
template <reflection::Aggregate T>
void AppendFields(Output& out, const T& value) {
  ObjectText object(out);
  internal::AppendFieldMembers(object, value);
  object.End();
}

template <class T>
void AppendFields(Output& out, const Hashed<T>& value) {
  out.text += value.fields_text(out.format);
}

// Whether T is written field by field, not as a range, a hooked type or otherwise.
template <class T>
inline constexpr bool kIsWrittenByFields = kKind<T> == Kind::kAggregate;
template <class T>
inline constexpr bool kIsWrittenByFields<Hashed<T>> = kIsWrittenByFields<T>;

template <class T>
concept WrittenByFields = kIsWrittenByFields<T>;

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_VALUE_TEXT_H_
