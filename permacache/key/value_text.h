// The canonical text of a C++ value: which kind of type is written in which way.
//
// FORMAT.md beside this file is the specification. The kinds are told apart by concept, so
// containers of other libraries and of the user's own need no adapter.
#ifndef PERMACACHE_KEY_VALUE_TEXT_H_
#define PERMACACHE_KEY_VALUE_TEXT_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "permacache/key/array_text.h"
#include "permacache/key/scalar_text.h"
#include "permacache/reflection/reflection.h"

namespace permacache {

class KeyWriter;

namespace key {

// Appends the text of `value`.
template <class T>
void AppendValue(std::string& text, const T& value);

// Writes a JSON object. The names must come in ascending order of their bytes.
class ObjectText {
 public:
  explicit ObjectText(std::string& text) : text_(text) { text_ += '{'; }

  // Appends the name; its value's text must follow.
  void Name(std::string_view name) {
    if (!empty_) text_ += ", ";
    empty_ = false;
    AppendString(text_, name);
    text_ += ": ";
  }

  template <class T>
  void Member(std::string_view name, const T& value) {
    Name(name);
    AppendValue(text_, value);
  }

  void End() { text_ += '}'; }

 private:
  std::string& text_;
  bool empty_ = true;
};

namespace internal {

template <class T>
concept Hooked = requires(KeyWriter& key, const T& value) {
  PermacacheKey(key, value);
};

template <class T>
concept Character = std::same_as<T, char>;

template <class T>
concept Number = ArrayNumber<T> || std::floating_point<T>;

// The class template that T derives from, as a pointer; T itself if it is made from one.
template <template <class...> class Base, class... Arguments>
Base<Arguments...>* TemplateBehind(const Base<Arguments...>*);

// A class that adds something to a container that it derives from: its elements are not all of it.
template <class T>
concept ExtendsAContainer = requires(const T* value) {
  TemplateBehind(value);
  requires std::ranges::range<std::remove_pointer_t<decltype(TemplateBehind(value))>>;
  requires !std::same_as<std::remove_pointer_t<decltype(TemplateBehind(value))>, T>;
};

template <std::ranges::range T>
inline constexpr bool kIsRangeOfChar = std::is_same_v<std::ranges::range_value_t<T>, char>;

template <class T>
concept CharRange = std::ranges::contiguous_range<const T> && std::ranges::sized_range<const T> &&
    kIsRangeOfChar<const T>;

// std::string, std::string_view and others that are texts of char by their traits.
template <class T>
concept Text = CharRange<T> && requires {
  typename T::traits_type;
} && !ExtendsAContainer<T>;

// "literal", as it is given to KeyWriter::Write.
template <class T>
inline constexpr bool kIsCharArray = false;
template <size_t kSize>
inline constexpr bool kIsCharArray<char[kSize]> = true;

template <class T>
concept Path = std::same_as<T, std::filesystem::path>;

template <class T>
concept Null = std::same_as<T, std::nullptr_t> || std::same_as<T, std::nullopt_t>;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
inline constexpr bool kIsArray = false;
template <class T, size_t kSize>
inline constexpr bool kIsArray<std::array<T, kSize>> = true;

// Whether its elements are all that a T is: it can be made from them, or is a view of them. A grid
// that also has a width may well be a range, but its elements do not identify it.
template <class T>
concept MadeOfElements = kIsArray<T> || std::ranges::view<T> ||(
    !std::is_aggregate_v<T> && !ExtendsAContainer<T> &&
    std::constructible_from<T, std::ranges::iterator_t<const T>, std::ranges::iterator_t<const T>>);

template <class T>
concept Range = std::ranges::forward_range<const T> && std::is_class_v<T> &&
                !std::same_as<std::ranges::range_value_t<const T>, T> &&
                MadeOfElements<T>;

template <class T>
concept NumberArray = Range<T> && std::ranges::contiguous_range<const T> &&
    std::ranges::sized_range<const T> && ArrayNumber<std::ranges::range_value_t<const T>>;

template <class T>
concept Map = Range<T> && requires {
  typename T::key_type;
  typename T::mapped_type;
};

// A map whose keys are texts and come once each.
template <class T>
concept TextMap = Map<T> && Text<typename T::key_type> && requires(T& map) {
  map.try_emplace(std::declval<typename T::key_type>());
};

template <class T>
concept Set = Range<T> && requires {
  typename T::key_type;
} && !Map<T>;

template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};

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

// The name of a type as it stands in a text.
template <class T>
constexpr std::string_view NameInText() {
  constexpr std::string_view kName = reflection::TypeName<T>();
  static_assert(!kName.empty(),
                "permacache: a type without a name cannot be told from another in a key; give the "
                "struct, class or enum a name");
  return kName;
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
void AppendAggregate(std::string& text, const T& value) {
  ObjectText object(text);
  object.Member(".attr.__name__", NameInText<T>());
  AppendFieldMembers(object, value);
  object.End();
}

template <class T>
void AppendEnum(std::string& text, T value) {
  ObjectText object(text);
  object.Member(".type", std::string_view("enum"));
  object.Member("enum.name", NameInText<T>());
  object.Member("enum.value", static_cast<std::underlying_type_t<T>>(value));
  object.End();
}

// An engaged optional whose value may itself read "null" is wrapped, so that it does not read
// like an empty one.
template <class T>
void AppendOptional(std::string& text, const std::optional<T>& value) {
  constexpr bool kAmbiguous = kIsOptional<T> || Null<T>;
  if (!value) {
    text += "null";
    return;
  }
  if constexpr (kAmbiguous) text += '[';
  AppendValue(text, *value);
  if constexpr (kAmbiguous) text += ']';
}

template <class T>
void AppendTuple(std::string& text, const T& value) {
  text += '[';
  bool first = true;
  std::apply(
      [&](const auto&... element) {
        ((text += first ? "" : ", ", first = false, AppendValue(text, element)), ...);
      },
      value);
  text += ']';
}

template <class T>
void AppendList(std::string& text, const T& range) {
  text += '[';
  bool first = true;
  for (auto&& element : range) {
    if (!first) text += ", ";
    first = false;
    // Named, as a range may hand out proxies: std::vector<bool> does.
    AppendValue<std::ranges::range_value_t<const T>>(text, element);
  }
  text += ']';
}

inline void AppendSorted(std::string& text, std::vector<std::string> elements) {
  std::ranges::sort(elements);
  text += '[';
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) text += ", ";
    text += elements[i];
  }
  text += ']';
}

template <class T>
void AppendSet(std::string& text, const T& set) {
  std::vector<std::string> elements;
  for (auto&& element : set) {
    AppendValue<std::ranges::range_value_t<const T>>(elements.emplace_back(), element);
  }
  AppendSorted(text, std::move(elements));
}

template <class T>
void AppendTextMap(std::string& text, const T& map) {
  using Entry = std::pair<std::string_view, const typename T::mapped_type*>;
  std::vector<Entry> entries;
  for (const auto& [name, value] : map) {
    entries.emplace_back(std::string_view(name.data(), name.size()), &value);
  }
  std::ranges::sort(entries, {}, &Entry::first);
  ObjectText object(text);
  for (const auto& [name, value] : entries) object.Member(name, *value);
  object.End();
}

template <class T>
void AppendOtherMap(std::string& text, const T& map) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : map) {
    std::string& entry = entries.emplace_back("[");
    AppendValue(entry, name);
    entry += ", ";
    AppendValue(entry, value);
    entry += ']';
  }
  ObjectText object(text);
  object.Member(".type", std::string_view("map"));
  object.Name("entries");
  AppendSorted(text, std::move(entries));
  object.End();
}

template <class T>
void AppendNumberArray(std::string& text, const T& range) {
  using Element = std::ranges::range_value_t<const T>;
  const size_t length = std::ranges::size(range);
  if (length <= kLongestReadableArray) {
    AppendList(text, range);
    return;
  }
  const std::span<const Element> numbers(std::ranges::data(range), length);
  AppendArrayDigest(text, DataType<Element>(), length, DigestOfNumbers(numbers));
}

template <class T>
void AppendHooked(std::string& text, const T& value);

template <class T>
inline constexpr bool kHasKey = false;

// Says why T has no text. In the compiler's lines around the message stands which T it is.
template <class T>
void Refuse() {
  if constexpr (std::is_function_v<std::remove_pointer_t<T>> || std::is_member_pointer_v<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a function has no stable key, as nothing tells what it computes. "
                  "Take an enum or a string that says which function is meant");
  } else if constexpr (std::is_pointer_v<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a raw pointer has no stable key, as addresses differ from run to "
                  "run. Take the value it points to; for a text std::string, for an array "
                  "std::vector or std::span");
  } else if constexpr (std::is_union_v<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a union has no stable key, as nothing tells which member is set. "
                  "Take a struct, or write void PermacacheKey(permacache::KeyWriter& key, const "
                  "T& value) beside the union");
  } else {
    static_assert(kHasKey<T>,
                  "permacache: this type has no key yet. Say what identifies a value: write void "
                  "PermacacheKey(permacache::KeyWriter& key, const T& value) { "
                  "key.Write(value.a(), value.b()); } as a friend or in the namespace of the "
                  "type. A struct whose fields are all public needs nothing");
  }
}

}  // namespace internal

template <class T>
void AppendValue(std::string& text, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    text += value ? "true" : "false";
  } else if constexpr (internal::Character<T>) {
    AppendString(text, std::string_view(&value, 1));
  } else if constexpr (std::same_as<T, std::byte>) {
    AppendInteger(text, std::to_integer<unsigned>(value));
  } else if constexpr (std::floating_point<T>) {
    AppendFloat(text, value);
  } else if constexpr (internal::Number<T>) {
    AppendInteger(text, value);
  } else if constexpr (internal::Null<T>) {
    text += "null";
  } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
    AppendString(text, value);
  } else if constexpr (internal::kIsCharArray<T>) {
    const std::string_view literal(value, std::size(value));
    AppendString(text, literal.substr(0, literal.find('\0')));
  } else if constexpr (internal::Hooked<T>) {
    internal::AppendHooked(text, value);
  } else if constexpr (std::is_enum_v<T>) {
    internal::AppendEnum(text, value);
  } else if constexpr (internal::Text<T>) {
    AppendString(text, std::string_view(std::ranges::data(value), std::ranges::size(value)));
  } else if constexpr (internal::Path<T>) {
    AppendString(text, value.native());
  } else if constexpr (internal::kIsOptional<T>) {
    internal::AppendOptional(text, value);
  } else if constexpr (internal::NumberArray<T>) {
    internal::AppendNumberArray(text, value);
  } else if constexpr (internal::TextMap<T>) {
    internal::AppendTextMap(text, value);
  } else if constexpr (internal::Map<T>) {
    internal::AppendOtherMap(text, value);
  } else if constexpr (internal::Set<T>) {
    internal::AppendSet(text, value);
  } else if constexpr (internal::Range<T>) {
    internal::AppendList(text, value);
  } else if constexpr (internal::TupleLike<T>) {
    internal::AppendTuple(text, value);
  } else if constexpr (reflection::Aggregate<T>) {
    internal::AppendAggregate(text, value);
  } else {
    internal::Refuse<T>();
  }
}

// The fields of an aggregate as an object of its own: the arguments of a function that takes
// them all in one struct.
template <reflection::Aggregate T>
void AppendFields(std::string& text, const T& value) {
  ObjectText object(text);
  internal::AppendFieldMembers(object, value);
  object.End();
}

// Whether T is written field by field, not as a range, a hooked type or otherwise.
template <class T>
concept WrittenByFields = reflection::Aggregate<T> && !internal::Hooked<T> && !internal::Text<T> &&
                          !internal::Range<T> && !internal::TupleLike<T>;

}  // namespace key
}  // namespace permacache

#endif  // PERMACACHE_KEY_VALUE_TEXT_H_
