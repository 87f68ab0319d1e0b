// Which kind of type is written in which way, told apart by concept: containers of other libraries
// and of the user's own need no adapter.
//
// A class of a known kind counts only if that is all that it is. One that derives from a known
// kind may add something that its key would leave out, so it has no key by itself.
#ifndef PERMACACHE_KEY_KINDS_H_
#define PERMACACHE_KEY_KINDS_H_

#include <array>
#include <bitset>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <functional>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "permacache/key/arithmetic_range.h"
#include "permacache/key/array_number.h"
#include "permacache/key/array_view.h"
#include "permacache/key/hashed.h"
#include "permacache/key/wide_integer.h"
#include "permacache/reflection/reflection.h"

namespace permacache {

class KeyWriter;

namespace key {

// In the order in which they are tried; FORMAT.md has the text of each.
enum class Kind {
  kBool,
  kCharacter,
  kByte,
  kInteger,
  kWideInteger,
  kFloat,
  kNull,
  kString,  // std::string, std::string_view, literals
  kHooked,
  kEnum,
  kText,  // other strings
  kPath,
  kHashed,
  kArrayView,
  kArithmeticRange,
  kDuration,
  kTimePoint,
  kCalendar,
  kTimeOfDay,
  kComplex,
  kBits,
  kOptional,
  kExpected,
  kVariant,
  kPointer,
  kReference,
  kNumbers,
  kMap,
  kSet,
  kRange,
  kTuple,
  kAggregate,
  kNone,  // refusal.h says why
};

namespace internal {

// A PermacacheKey function for T: found by its arguments, so in the namespace of T, as its friend,
// or in namespace permacache, which is that of KeyWriter.
template <class T>
concept HookAccepts = requires(KeyWriter& key, const T& value) {
  PermacacheKey(key, value);
};

// A rival that takes everything by conversion, as only a hook that needs none is a hook for T: what
// needs one, too, is no better, and the call is ambiguous. A std::any is made of nearly everything.
namespace rival {

struct Anything {
  template <class T>
  Anything(const T& value);  // NOLINT: implicit
};
struct NoHook {};
NoHook PermacacheKey(KeyWriter& key, const Anything& value);

template <class Argument>
concept HookAcceptsUnconverted = requires(KeyWriter& key, Argument argument) {
  PermacacheKey(key, argument);
  requires !std::same_as<decltype(PermacacheKey(key, argument)), NoHook>;
};

}  // namespace rival

// A hook that wants to change its argument, and so is not called.
template <class T>
concept HookWantsToChange =
    !rival::HookAcceptsUnconverted<const T&> && rival::HookAcceptsUnconverted<T&>;

// Stand for a T as the argument of a hook that is not a template. They tell what such a hook takes:
// T itself, a base of T, or something that a T can be converted to. Not to be copied, as they would
// be into a std::any.
struct Uncopied {
  Uncopied() = default;
  Uncopied(const Uncopied&) = delete;
  Uncopied& operator=(const Uncopied&) = delete;
};

template <class T>
struct OnlyItself : Uncopied {
  template <class Target>
  requires std::is_same_v<Target, T>
  operator const Target&() const;  // NOLINT: implicit, as the argument that it stands for
};

template <class T>
struct OnlyItsBases : Uncopied {
  template <class Target>
  requires(std::is_base_of_v<Target, T> && !std::is_same_v<Target, T>) operator const Target&()
      const;  // NOLINT: as above
};

template <class T>
struct OnlyConverted : Uncopied {
  template <class Target>
  requires(std::is_convertible_v<const T&, Target> && !std::is_base_of_v<Target, T>) operator const
      Target&() const;  // NOLINT: as above
};

// Of an enum by value, as g++ wants it.
template <class T>
requires std::is_enum_v<T>
struct OnlyItself<T> : Uncopied {
  template <std::same_as<T> Target>
  operator Target() const;  // NOLINT: as above
};

template <class T>
requires std::is_enum_v<T>
struct OnlyConverted<T> : Uncopied {
  template <class Target>
  requires std::is_arithmetic_v<Target>
  operator Target() const;  // NOLINT: as above
};

// The hook of a base class does not know what T adds to it.
template <class T>
concept HookedByBaseOnly =
    std::is_class_v<T> && !HookAccepts<OnlyItself<T>> && HookAccepts<OnlyItsBases<T>>;

// The hook of another type, which T converts to, says nothing of T. Enums convert to integers as if
// they were some.
template <class T>
concept Hooked = rival::HookAcceptsUnconverted<const T&> &&
    (HookAccepts<OnlyItself<T>> ||
     (!HookedByBaseOnly<T> && (std::is_class_v<T> || !HookAccepts<OnlyConverted<T>>)));

// The class template that T derives from, as a pointer.
template <template <class...> class Base, class... Arguments>
Base<Arguments...>* TemplateBehind(const Base<Arguments...>*);

template <template <class...> class Base, class T>
concept Extends = requires(const T* value) {
  { TemplateBehind<Base>(value) } -> std::convertible_to<const void*>;
  requires !std::same_as<decltype(TemplateBehind<Base>(value)), T*>;
};

template <class T>
concept ExtendsAStandardTemplate =
    Extends<std::basic_string, T> || Extends<std::basic_string_view, T> ||
    Extends<std::vector, T> || Extends<std::deque, T> || Extends<std::list, T> ||
    Extends<std::forward_list, T> || Extends<std::map, T> || Extends<std::multimap, T> ||
    Extends<std::set, T> || Extends<std::multiset, T> || Extends<std::unordered_map, T> ||
    Extends<std::unordered_multimap, T> || Extends<std::unordered_set, T> ||
    Extends<std::unordered_multiset, T> || Extends<std::optional, T> || Extends<std::variant, T> ||
    Extends<std::unique_ptr, T> || Extends<std::shared_ptr, T> || Extends<std::complex, T>;

// A class that derives from a class template's may add something to it. Where both are made from
// templates this is told of the standard library's alone: other libraries build their own
// containers on one another.
template <class T>
concept ExtendsATemplate = (!reflection::kIsMadeFromTemplate<T> &&
                            requires(const T* value) { TemplateBehind(value); }) ||
                           (reflection::kIsMadeFromTemplate<T> && ExtendsAStandardTemplate<T>);

template <class T>
concept Character = std::same_as<T, char> || kIsByteCharacter<T> || kIsWideCharacter<T>;

template <class T>
concept Null = std::same_as<T, std::nullptr_t> || std::same_as<T, std::nullopt_t> ||
    std::same_as<T, std::monostate>;

template <class T>
inline constexpr bool kIsStdString =
    std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>;

// "literal", as it is given to KeyWriter::Write.
template <class T>
inline constexpr bool kIsCharacterArray = false;
template <Character T, size_t kSize>
inline constexpr bool kIsCharacterArray<T[kSize]> = true;

template <class T>
concept CharacterRange = std::ranges::contiguous_range<const T> &&
    std::ranges::sized_range<const T> && Character<std::ranges::range_value_t<const T>>;

// Strings of any character type, by their traits.
template <class T>
concept Text = CharacterRange<T> && !ExtendsATemplate<T> && requires {
  typename T::traits_type;
};

template <class T>
inline constexpr bool kIsHashed = false;
template <class T>
inline constexpr bool kIsHashed<Hashed<T>> = true;

template <class T>
inline constexpr bool kIsArrayView = false;
template <class T>
inline constexpr bool kIsArrayView<ArrayView<T>> = true;

// std::mdspan of C++23 and its like, of numbers that are simply there in memory.
template <class T>
concept MultidimensionalSpan = requires(const T& value) {
  typename T::mapping_type;
  requires ArrayNumber<std::remove_const_t<typename T::element_type>>;
  { value.data_handle() } -> std::same_as<typename T::element_type*>;
  { T::rank() } -> std::convertible_to<size_t>;
  { value.extent(0) } -> std::convertible_to<size_t>;
  { value.stride(0) } -> std::convertible_to<ptrdiff_t>;
};

// From one integer to another, each once: no need to write them all.
template <class T>
inline constexpr bool kIsIotaOfIntegers = false;
template <std::integral T>
inline constexpr bool kIsIotaOfIntegers<std::ranges::iota_view<T, T>> = true;

template <class T>
concept Duration = !ExtendsATemplate<T> && requires(const T& value) {
  typename T::rep;
  T::period::num;
  T::period::den;
  value.count();
};

template <class T>
concept TimePoint = !ExtendsATemplate<T> && requires(const T& value) {
  typename T::clock;
  requires Duration<typename T::duration>;
  { value.time_since_epoch() } -> std::convertible_to<typename T::duration>;
};

// A clock that starts anew: its times mean nothing in another run.
template <class T>
concept SteadyTime = TimePoint<T> && requires {
  requires T::clock::is_steady;
};

template <class T, class... Types>
inline constexpr bool kIsOneOf = (std::is_same_v<T, Types> || ...);

template <class T>
inline constexpr bool kIsCalendar =
    kIsOneOf<T, std::chrono::day, std::chrono::month, std::chrono::year, std::chrono::weekday,
             std::chrono::weekday_indexed, std::chrono::weekday_last, std::chrono::month_day,
             std::chrono::month_day_last, std::chrono::month_weekday,
             std::chrono::month_weekday_last, std::chrono::year_month, std::chrono::year_month_day,
             std::chrono::year_month_day_last, std::chrono::year_month_weekday,
             std::chrono::year_month_weekday_last>;

template <class T>
inline constexpr bool kIsTimeOfDay = false;
template <class T>
inline constexpr bool kIsTimeOfDay<std::chrono::hh_mm_ss<T>> = true;

template <class T>
concept Complex = !ExtendsATemplate<T> && requires(const T& value) {
  typename T::value_type;
  requires std::is_arithmetic_v<typename T::value_type>;
  requires sizeof(T) == 2 * sizeof(typename T::value_type);  // so there is nothing else
  { value.real() } -> std::convertible_to<typename T::value_type>;
  { value.imag() } -> std::convertible_to<typename T::value_type>;
  T(value.real(), value.imag());
};

template <class T>
inline constexpr bool kIsBitset = false;
template <size_t kSize>
inline constexpr bool kIsBitset<std::bitset<kSize>> = true;

// std::bitset, boost::dynamic_bitset.
template <class T>
concept Bits = kIsBitset<T> ||
    (!std::ranges::range<const T> && !ExtendsATemplate<T> && requires(const T& value, T& changed) {
      typename T::block_type;
      { value.test(size_t{0}) } -> std::same_as<bool>;
      { value.size() } -> std::convertible_to<size_t>;
      changed.flip(size_t{0});
    });

template <class T>
concept MaybeValue = std::is_class_v<T> && !ExtendsATemplate<T> && requires(const T& value) {
  typename T::value_type;
  { value.has_value() } -> std::same_as<bool>;
};

template <class T>
concept Expected = MaybeValue<T> && requires(const T& value) {
  typename T::error_type;
  value.error();
};

template <class T>
concept Optional = MaybeValue<T> && !Expected<T> && requires(const T& value) {
  { *value } -> std::convertible_to<const typename T::value_type&>;
};

// The types among which a variant chooses: it has an index, and get_if finds the chosen one.
template <class T>
inline constexpr size_t kAlternativeCount = 0;
template <template <class...> class Variant, class... Alternatives>
inline constexpr size_t kAlternativeCount<Variant<Alternatives...>> = sizeof...(Alternatives);

template <class T>
inline constexpr bool kHasAlternatives = kAlternativeCount<T> != 0;

template <class T>
concept Variant = kHasAlternatives<T> && !ExtendsATemplate<T> && requires(const T& value) {
  { value.index() } -> std::convertible_to<size_t>;
  get_if<0>(&value);
};

// The owner of one value, or of none: std::unique_ptr, std::shared_ptr, boost::intrusive_ptr.
template <class T>
concept Pointer = std::is_class_v<T> && !ExtendsATemplate<T> && requires(const T& value) {
  typename T::element_type;
  { value.get() } -> std::convertible_to<const typename T::element_type*>;
  { *value } -> std::convertible_to<const typename T::element_type&>;
  static_cast<bool>(value);
};

template <class T>
inline constexpr bool kIsReference = false;
template <class T>
inline constexpr bool kIsReference<std::reference_wrapper<T>> = !std::is_function_v<T>;

// An array of an extent that its type tells, which lies in one piece: std::array<T, 3>, T[3].
template <class T>
struct FixedArray {
  using Element = T;
};
template <class T, size_t kSize>
struct FixedArray<std::array<T, kSize>> {
  using Element = T;
  static constexpr size_t kExtent = kSize;
};
template <class T, size_t kSize>
requires(!Character<T>)  // else it is a text
    struct FixedArray<T[kSize]> {
  using Element = T;
  static constexpr size_t kExtent = kSize;
};

template <class T>
concept HasFixedExtent = requires {
  FixedArray<T>::kExtent;
};

// Views that have to look for their elements cannot be iterated over while they are const: those
// are copied first.
template <class T>
inline constexpr bool kCopyToIterate =
    std::ranges::view<T> && !std::ranges::range<const T> && std::copyable<T>;
template <class T>
using Iterated = std::conditional_t<kCopyToIterate<T>, T, const T>;

template <class T>
concept Endless = std::same_as<std::ranges::sentinel_t<T>, std::unreachable_sentinel_t>;

// Pointers turn into bool: a T made from two of those is not made from iterators. Braces refuse
// that, but they would also make a container of bool from two of its pointers.
template <class T>
concept MadeFromFlags = std::is_pointer_v<std::ranges::iterator_t<const T>> &&
                        !std::same_as<std::ranges::range_value_t<const T>, bool> &&
                        !requires(std::ranges::iterator_t<const T> iterator) {
  T{iterator, iterator};
};

template <class T>
concept MadeFromIterators = !std::is_aggregate_v<T> && !ExtendsATemplate<T> &&
                            std::constructible_from<T, std::ranges::iterator_t<const T>,
                                                    std::ranges::iterator_t<const T>> &&
                            !MadeFromFlags<T>;

template <class T>
inline constexpr bool kIsInitializerList = false;
template <class T>
inline constexpr bool kIsInitializerList<std::initializer_list<T>> = true;

// absl::Span: a pointer and a length, and no room for more.
template <class T>
concept SpanLike = std::ranges::contiguous_range<const T> && std::is_trivially_copyable_v<T> &&
                       sizeof(T) == sizeof(void*) + sizeof(size_t) &&
                   requires(const T& value) {
  T{std::ranges::data(value), std::ranges::size(value)};
};

// std::valarray, without its header.
template <class T>
concept Valarray = !ExtendsATemplate<T> && requires(const T& value) {
  T(&value[0], value.size());
  { value.cshift(1) } -> std::convertible_to<T>;
};

// Whether its elements are all that a T is: it can be made from them, or is a view of them. A grid
// that also has a width may well be a range, but its elements do not identify it.
template <class T>
concept MadeOfElements = HasFixedExtent<T> || std::ranges::view<T> || MadeFromIterators<T> ||
    kIsInitializerList<T> || SpanLike<T> || Valarray<T>;

// A path is a range of paths, and so for ever.
template <class T>
inline constexpr bool kIsRangeOfItself =
    std::is_same_v<std::ranges::range_value_t<T>, std::remove_const_t<T>>;

template <class T>
concept Range = std::ranges::forward_range<Iterated<T>> && !Endless<Iterated<T>> &&
                !kIsRangeOfItself<Iterated<T>> && MadeOfElements<T>;

// What T is an array of arrays of.
template <class T>
struct InnermostElement {
  using Type = std::remove_const_t<T>;
};
template <HasFixedExtent T>
struct InnermostElement<T> : InnermostElement<typename FixedArray<T>::Element> {};

template <class T>
concept InOnePiece = std::ranges::contiguous_range<T> && std::ranges::sized_range<T>;

// A number of which a hook says what it is.
template <class T>
concept HookedNumber = std::is_class_v<T> && Hooked<T>;

template <class T>
concept PlainNumber = ArrayNumber<T> && !HookedNumber<T>;

template <class T>
concept Numbers = Range<T> &&
    (PlainNumber<std::ranges::range_value_t<Iterated<T>>> ||
     (InOnePiece<Iterated<T>> &&
      PlainNumber<typename InnermostElement<std::ranges::range_value_t<Iterated<T>>>::Type>));

template <class T>
concept Map = Range<T> && requires {
  typename T::key_type;
  typename T::mapped_type;
};

template <class T>
concept Set = Range<T> && requires {
  typename T::key_type;
} && !Map<T>;

template <class T>
concept Tuple = requires {
  std::tuple_size<T>::value;
};

template <class T>
constexpr Kind KindOf() {
  if constexpr (std::same_as<T, bool>)
    return Kind::kBool;
  else if constexpr (Character<T>)
    return Kind::kCharacter;
  else if constexpr (kIsByte<T>)
    return Kind::kByte;
  else if constexpr (kIsInt128<T>)
    return Kind::kWideInteger;
  else if constexpr (std::integral<T>)
    return Kind::kInteger;
  else if constexpr (std::floating_point<T>)
    return Kind::kFloat;
  else if constexpr (Null<T>)
    return Kind::kNull;
  else if constexpr (kIsStdString<T> || kIsCharacterArray<T>)
    return Kind::kString;
  else if constexpr (HookedByBaseOnly<T> || HookWantsToChange<T>)
    return Kind::kNone;
  else if constexpr (Hooked<T>)
    return Kind::kHooked;
  else if constexpr (std::is_enum_v<T>)
    return Kind::kEnum;
  else if constexpr (std::is_array_v<T>) {
    if constexpr (!Range<T>)
      return Kind::kNone;
    else if constexpr (Numbers<T>)
      return Kind::kNumbers;
    else
      return Kind::kRange;
  } else if constexpr (!std::is_class_v<T>)
    return Kind::kNone;
  else if constexpr (IntegerClass<T>)
    return Kind::kWideInteger;
  else if constexpr (Text<T>)
    return Kind::kText;
  else if constexpr (std::same_as<T, std::filesystem::path>)
    return Kind::kPath;
  else if constexpr (kIsHashed<T>)
    return Kind::kHashed;
  else if constexpr (kIsArrayView<T> || MultidimensionalSpan<T>)
    return Kind::kArrayView;
  else if constexpr (std::same_as<T, ArithmeticRange> || kIsIotaOfIntegers<T>)
    return Kind::kArithmeticRange;
  else if constexpr (Duration<T>)
    return Kind::kDuration;
  else if constexpr (SteadyTime<T>)
    return Kind::kNone;
  else if constexpr (TimePoint<T>)
    return Kind::kTimePoint;
  else if constexpr (kIsCalendar<T>)
    return Kind::kCalendar;
  else if constexpr (kIsTimeOfDay<T>)
    return Kind::kTimeOfDay;
  else if constexpr (Complex<T>)
    return Kind::kComplex;
  else if constexpr (Bits<T>)
    return Kind::kBits;
  else if constexpr (Expected<T>)
    return Kind::kExpected;
  else if constexpr (Optional<T>)
    return Kind::kOptional;
  else if constexpr (Variant<T>)
    return Kind::kVariant;
  else if constexpr (Pointer<T>)
    return Kind::kPointer;
  else if constexpr (kIsReference<T>)
    return Kind::kReference;
  else if constexpr (Map<T>)
    return Kind::kMap;
  else if constexpr (Set<T>)
    return Kind::kSet;
  else if constexpr (Numbers<T>)
    return Kind::kNumbers;
  else if constexpr (Range<T>)
    return Kind::kRange;
  else if constexpr (Tuple<T>)
    return Kind::kTuple;
  else if constexpr (reflection::Aggregate<T>)
    return Kind::kAggregate;
  else
    return Kind::kNone;
}

}  // namespace internal

template <class T>
inline constexpr Kind kKind = internal::KindOf<T>();

}  // namespace key
}  // namespace permacache

#endif  // PERMACACHE_KEY_KINDS_H_
