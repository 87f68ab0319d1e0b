// The shape of a type as text, and its fingerprint.
//
// A stored value begins with the fingerprint of the type that wrote it. A type that has since
// gained, lost, renamed or retyped a field has another one, so its old values are misses and never
// misread. The shape of
//
//   struct Sphere { double radius; std::string material; };
//
// is "struct Sphere{radius:f8,material:text1}"; FORMAT.md lists all of them. Pure functions, safe
// from any thread.
#ifndef PERMACACHE_CODEC_SHAPE_H_
#define PERMACACHE_CODEC_SHAPE_H_

#include <algorithm>
#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "permacache/codec/aggregate.h"
#include "permacache/reflection/reflection.h"

namespace permacache::codec {
namespace internal {

// Its address tells one type from all others.
template <class T>
inline constexpr char kIdentity = 0;

// The structs around the one being written, so that a recursive type ends.
using Enclosing = std::vector<const char*>;

template <class T>
std::string ShapeOf(Enclosing& enclosing);

template <class... Parts>
std::string JoinShapes([[maybe_unused]] Enclosing& enclosing,
                       [[maybe_unused]] std::string_view separator) {
  std::string joined;
  ((joined += joined.empty() ? "" : separator, joined += ShapeOf<Parts>(enclosing)), ...);
  return joined;
}

// The standard's class templates that neither fields nor elements describe.
template <class T>
struct Known : std::false_type {};

template <class T>
struct Known<std::optional<T>> : std::true_type {
  static std::string Shape(Enclosing& e) { return "optional(" + ShapeOf<T>(e) + ")"; }
};

template <class T>
std::string PointerShape(const char* kind, Enclosing& e) {
  static_assert(
      !std::is_polymorphic_v<T>,
      "permacache: a pointer to a polymorphic class cannot be stored in a result, as it "
      "may point to an object of any derived class. Return a std::variant of the classes");
  return kind + ("(" + ShapeOf<std::remove_const_t<T>>(e)) + ")";
}

template <class T, class Deleter>
struct Known<std::unique_ptr<T, Deleter>> : std::true_type {
  static std::string Shape(Enclosing& e) { return PointerShape<T>("unique", e); }
};

template <class T>
struct Known<std::shared_ptr<T>> : std::true_type {
  static std::string Shape(Enclosing& e) { return PointerShape<T>("shared", e); }
};

template <class T>
struct Known<std::weak_ptr<T>> : std::true_type {
  static std::string Shape(Enclosing& e) { return PointerShape<T>("weak", e); }
};

template <class... Alternatives>
struct Known<std::variant<Alternatives...>> : std::true_type {
  static std::string Shape(Enclosing& e) { return "(" + JoinShapes<Alternatives...>(e, "|") + ")"; }
};

template <class A, class B>
struct Known<std::pair<A, B>> : std::true_type {
  static std::string Shape(Enclosing& e) { return "(" + JoinShapes<A, B>(e, ",") + ")"; }
};

template <class... Elements>
struct Known<std::tuple<Elements...>> : std::true_type {
  static std::string Shape(Enclosing& e) { return "(" + JoinShapes<Elements...>(e, ",") + ")"; }
};

template <class T, size_t kSize>
struct Known<std::array<T, kSize>> : std::true_type {
  static std::string Shape(Enclosing& e) {
    return "[" + ShapeOf<T>(e) + ";" + std::to_string(kSize) + "]";
  }
};

template <class T>
struct Known<std::complex<T>> : std::true_type {
  static std::string Shape(Enclosing& e) { return "complex(" + ShapeOf<T>(e) + ")"; }
};

template <size_t kSize>
struct Known<std::bitset<kSize>> : std::true_type {
  static std::string Shape(Enclosing&) { return "bits(" + std::to_string(kSize) + ")"; }
};

template <class Count, class Unit>
struct Known<std::chrono::duration<Count, Unit>> : std::true_type {
  static std::string Shape(Enclosing& e) {
    return "duration(" + ShapeOf<Count>(e) + "," + std::to_string(Unit::num) + "/" +
           std::to_string(Unit::den) + ")";
  }
};

template <class Clock, class Duration>
struct Known<std::chrono::time_point<Clock, Duration>> : std::true_type {
  static std::string Shape(Enclosing& e) { return "time(" + ShapeOf<Duration>(e) + ")"; }
};

template <class T>
inline constexpr bool kIsReferenceWrapper = false;
template <class T>
inline constexpr bool kIsReferenceWrapper<std::reference_wrapper<T>> = true;

// What refers to memory of somebody else and would be stored without it.
template <class T>
concept View = std::ranges::view<T> || kIsReferenceWrapper<T>;

template <class T>
concept Text = std::ranges::range<T> && requires {
  typename T::traits_type;
};

template <class T>
inline constexpr bool kCanBeStored = false;

template <class T>
std::string NumberShape() {
  if constexpr (std::same_as<T, bool>) return "bool";
  if constexpr (std::same_as<T, long double>) return "float";
  const char kind = std::floating_point<T> ? 'f' : std::signed_integral<T> ? 'i' : 'u';
  // Whether plain char has a sign differs between machines; its bytes do not.
  return (std::same_as<T, char> ? "char" : std::string(1, kind)) + std::to_string(sizeof(T));
}

template <class T>
std::string RangeShape(Enclosing& enclosing) {
  if constexpr (Text<T>) {
    return "text" + std::to_string(sizeof(std::ranges::range_value_t<T>));
  } else if constexpr (requires { typename T::mapped_type; }) {
    return "{" + JoinShapes<typename T::key_type, typename T::mapped_type>(enclosing, ":") + "}";
  } else {
    return "[" + ShapeOf<std::ranges::range_value_t<T>>(enclosing) + "]";
  }
}

template <class T>
std::string StructShape(Enclosing& enclosing) {
  std::string shape = "struct " + std::string(reflection::TypeName<T>());
  if (std::ranges::find(enclosing, &kIdentity<T>) != enclosing.end()) return shape;
  enclosing.push_back(&kIdentity<T>);
  shape += '{';
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    ((shape += kIndex == 0 ? "" : ",", shape += reflection::FieldName<T, kIndex>(), shape += ':',
      shape += ShapeOf<std::remove_cvref_t<decltype(boost::pfr::get<kIndex>(std::declval<T&>()))>>(
          enclosing)),
     ...);
  }
  (std::make_index_sequence<reflection::kFieldCount<T>>());
  shape += '}';
  enclosing.pop_back();
  return shape;
}

template <class T>
std::string ShapeOf(Enclosing& enclosing) {
  if constexpr (std::is_arithmetic_v<T>) {
    return NumberShape<T>();
  } else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T>) {
    static_assert(kCanBeStored<T>,
                  "permacache: a raw pointer cannot be stored in a result, as what it points to is "
                  "not part of it. Return the value itself, or a std::unique_ptr to it");
    return {};
  } else if constexpr (View<T>) {
    static_assert(kCanBeStored<T>,
                  "permacache: a view cannot be stored in a result, as it does not own what it "
                  "shows. Return std::string for std::string_view, std::vector for std::span");
    return {};
  } else if constexpr (std::is_enum_v<T>) {
    return "enum " + std::string(reflection::TypeName<T>()) + ":" +
           NumberShape<std::underlying_type_t<T>>();
  } else if constexpr (Known<T>::value) {
    return Known<T>::Shape(enclosing);
  } else if constexpr (PlainAggregate<T>) {
    return StructShape<T>(enclosing);
  } else if constexpr (Text<T> || (std::ranges::range<T> && KnownToCereal<T>)) {
    return RangeShape<T>(enclosing);
  } else {
    static_assert(KnownToCereal<T>,
                  "permacache: a result of this type cannot be stored. Make it a struct whose "
                  "fields are all public, or give it a cereal function: template <class Archive> "
                  "void serialize(Archive& archive) { archive(a_, b_); }");
    return "class " + std::string(reflection::TypeName<T>()) + reflection::TemplateArgumentsOf<T>();
  }
}

}  // namespace internal

template <class T>
std::string Shape() {
  internal::Enclosing enclosing;
  return internal::ShapeOf<T>(enclosing);
}

// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/).
constexpr uint64_t FingerprintOf(std::string_view shape) {
  uint64_t fingerprint = 0xcbf29ce484222325;
  for (const char c : shape) {
    fingerprint = (fingerprint ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return fingerprint;
}

template <class T>
uint64_t Fingerprint() {
  static const uint64_t fingerprint = FingerprintOf(Shape<T>());
  return fingerprint;
}

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_SHAPE_H_
