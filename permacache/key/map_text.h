// The text of maps and sets, which does not depend on the order in which they are iterated over.
#ifndef PERMACACHE_KEY_MAP_TEXT_H_
#define PERMACACHE_KEY_MAP_TEXT_H_

#include <algorithm>
#include <concepts>
#include <filesystem>
#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "permacache/key/kinds.h"
#include "permacache/key/object_text.h"

namespace permacache::key {
namespace internal {

template <class T>
std::string TextOf(KeyFormat format, const T& value) {
  std::string text;
  Output out{text, format};
  AppendValue(out, value);
  return text;
}

// Texts as the elements of a list, in the order of their bytes.
inline void AppendSorted(Output& out, std::vector<std::string> texts) {
  std::ranges::sort(texts);
  ListText list(out);
  for (const std::string& text : texts) {
    list.Next();
    out.text += text;
  }
  list.End();
}

template <class T>
inline constexpr bool kIsByteText = (kKind<T> == Kind::kString || kKind<T> == Kind::kText) &&
                                    requires(const T& text) {
  requires kIsByteCharacter<std::ranges::range_value_t<T>>;
};

template <class T>
std::string_view BytesOf(const T& text) {
  return {reinterpret_cast<const char*>(std::ranges::data(text)), std::ranges::size(text)};
}
inline std::string_view BytesOf(const std::filesystem::path& path) { return path.native(); }
inline std::string_view BytesOf(const char& character) { return {&character, 1}; }

// A map whose keys come once each: one can ask it to insert a key unless it is there.
template <class T>
concept UniqueMap = requires(T& map) {
  map.try_emplace(std::declval<typename T::key_type>());
};

// Names that begin with a dot are those of our own objects.
template <class T>
bool HasDottedKey(const T& map) {
  return std::ranges::any_of(
      map, [](const auto& entry) { return BytesOf(entry.first).starts_with('.'); });
}

// {"a": 1, "b": 2}
template <class T, class Less>
void AppendObject(Output& out, const T& map, Less less) {
  using Entry = std::pair<std::string_view, const typename T::mapped_type*>;
  std::vector<Entry> entries;
  for (const auto& [name, value] : map) {
    entries.emplace_back(BytesOf(name), std::addressof(value));
  }
  std::ranges::sort(entries, less, &Entry::first);
  ObjectText object(out);
  for (const auto& [name, value] : entries) object.Member(name, *value);
  object.End();
}

// {".type": "map", "entries": [[2, "two"], [3, "three"]]}
template <class T>
void AppendEntries(Output& out, const T& map) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : map) {
    Output entry{entries.emplace_back(), out.format};
    ListText pair(entry);
    pair.Element(name);
    pair.Element(value);
    pair.End();
  }
  ObjectText object(out);
  object.Member(".type", std::string_view("map"));
  object.Name("entries");
  AppendSorted(out, std::move(entries));
  object.End();
}

// Python's dictionaries: keys that are numbers are sorted as such and written as texts.
template <class T>
void AppendPythonNumberMap(Output& out, const T& map) {
  using Entry = std::pair<const typename T::key_type*, const typename T::mapped_type*>;
  std::vector<Entry> entries;
  for (const auto& [number, value] : map) {
    entries.emplace_back(std::addressof(number), std::addressof(value));
  }
  std::ranges::stable_sort(entries,
                           [](const Entry& a, const Entry& b) { return *a.first < *b.first; });
  ObjectText object(out);
  for (const auto& [number, value] : entries) {
    object.Member(TextOf(KeyFormat::kPython, *number), *value);
  }
  object.End();
}

// And keys that JSON lacks are replaced by their own texts:
// {".fixed_dictionary_nonjson_keys": true, "contents": {"[1, 2]": 3}}
template <class T>
void AppendPythonOtherMap(Output& out, const T& map) {
  using Entry = std::pair<std::string, const typename T::mapped_type*>;
  std::vector<Entry> entries;
  for (const auto& [name, value] : map) {
    entries.emplace_back(TextOf(KeyFormat::kPython, name), std::addressof(value));
  }
  std::ranges::sort(entries, {}, &Entry::first);
  ObjectText object(out);
  object.Member(".fixed_dictionary_nonjson_keys", true);
  object.Name("contents");
  ObjectText contents(out);
  for (const auto& [name, value] : entries) contents.Member(name, *value);
  contents.End();
  object.End();
}

template <class T>
inline constexpr bool kIsPythonNumber =
    kKind<T> == Kind::kBool || kKind<T> == Kind::kInteger || kKind<T> == Kind::kWideInteger ||
    kKind<T> == Kind::kFloat || kKind<T> == Kind::kByte;

template <class T>
void AppendPythonMap(Output& out, const T& map) {
  using Key = typename T::key_type;
  if constexpr (kIsByteText<Key> || std::same_as<Key, std::filesystem::path> ||
                std::same_as<Key, char>) {
    AppendObject(out, map, LessByCodePoints);
  } else if constexpr (kIsPythonNumber<Key>) {
    AppendPythonNumberMap(out, map);
  } else {
    AppendPythonOtherMap(out, map);
  }
}

}  // namespace internal

template <class T>
void AppendMap(Output& out, const T& map) {
  if (out.format == KeyFormat::kPython) {
    internal::AppendPythonMap(out, map);
    return;
  }
  if constexpr (internal::kIsByteText<typename T::key_type> && internal::UniqueMap<T>) {
    if (!internal::HasDottedKey(map)) {
      internal::AppendObject(out, map, std::less<>());
      return;
    }
  }
  internal::AppendEntries(out, map);
}

template <class T>
void AppendSet(Output& out, const T& set) {
  std::vector<std::string> elements;
  for (auto&& element : set) {
    elements.push_back(internal::TextOf<std::ranges::range_value_t<const T>>(out.format, element));
  }
  internal::AppendSorted(out, std::move(elements));
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_MAP_TEXT_H_
