// What a type without a key is told. The compiler's lines around the message name the type.
#ifndef PERMACACHE_KEY_REFUSAL_H_
#define PERMACACHE_KEY_REFUSAL_H_

#include <ios>
#include <iterator>
#include <ranges>
#include <type_traits>

#include "permacache/key/kinds.h"

namespace permacache::key {
namespace internal {

template <class T>
inline constexpr bool kHasKey = false;

struct WithCallOperator {
  void operator()();
};

template <class T>
struct WithTwoCallOperators : T, WithCallOperator {};

// Whether T can be called. If it has a call operator, be it a template, to which of the two the
// name refers is ambiguous.
template <class T>
concept Callable = std::is_function_v<std::remove_pointer_t<T>> || std::is_member_pointer_v<T> ||
    (std::is_class_v<T> && !std::is_final_v<T> &&
     !requires { &WithTwoCallOperators<T>::operator(); });

template <class T>
concept Stream = std::is_base_of_v<std::ios_base, T>;

template <class T>
concept OwnerOfAnArray = std::is_class_v<T> && requires(const T& value) {
  typename T::element_type;
  value.get();
  value[0];
};

template <class T>
concept EndlessRange = std::ranges::range<Iterated<T>> && Endless<Iterated<T>>;

// What can be read once, or not while it is const, or not be copied.
template <class T>
concept UnrepeatableRange = std::ranges::view<T> && !std::ranges::forward_range<Iterated<T>>;

template <class T>
concept Observer = requires(const T& value) {
  value.expired();
  value.lock();
};

}  // namespace internal

template <class T>
void Refuse() {
  using internal::kHasKey;
  if constexpr (internal::HookWantsToChange<T>) {
    static_assert(kHasKey<T>,
                  "permacache: the PermacacheKey function of this type takes it as T&, and a value "
                  "does not change when its key is written. Let it take const T&");
  } else if constexpr (internal::HookedByBaseOnly<T>) {
    static_assert(kHasKey<T>,
                  "permacache: only a base class of this type has a PermacacheKey function, which "
                  "does not know what this type adds. Give the type one of its own");
  } else if constexpr (internal::Callable<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a function has no stable key, as nothing tells what it computes. "
                  "Take an enum or a string that says which function is meant");
  } else if constexpr (std::is_pointer_v<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a raw pointer has no stable key, as addresses differ from run to "
                  "run. Take the value it points to; for a text std::string, for an array "
                  "std::vector, std::span or permacache::ArrayView");
  } else if constexpr (std::is_union_v<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a union has no stable key, as nothing tells which member is set. "
                  "Take std::variant, or write void PermacacheKey(permacache::KeyWriter& key, "
                  "const T& value) beside the union");
  } else if constexpr (internal::Stream<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a stream has no stable key, as reading changes it. Take its content "
                  "as a std::string, or its file as a std::filesystem::path");
  } else if constexpr (internal::OwnerOfAnArray<T>) {
    static_assert(kHasKey<T>,
                  "permacache: the owner of an array has no key, as it does not know how long the "
                  "array is. Take std::vector");
  } else if constexpr (internal::Observer<T>) {
    static_assert(kHasKey<T>,
                  "permacache: a weak pointer has no stable key, as its object may go at any time. "
                  "Take std::shared_ptr, or the object");
  } else if constexpr (internal::SteadyTime<T>) {
    static_assert(kHasKey<T>,
                  "permacache: the times of a steady clock have no stable key, as it starts anew "
                  "with the machine. Take a duration, or the time of std::chrono::system_clock");
  } else if constexpr (std::input_or_output_iterator<T>) {
    static_assert(kHasKey<T>,
                  "permacache: an iterator has no stable key, as it is a place in memory. Take the "
                  "range, or what the iterator points to");
  } else if constexpr (internal::EndlessRange<T>) {
    static_assert(kHasKey<T>,
                  "permacache: an endless range has no key, as it would never be written to its "
                  "end. Take as many elements as are needed: std::views::take");
  } else if constexpr (internal::UnrepeatableRange<T>) {
    static_assert(kHasKey<T>,
                  "permacache: this view has no key, as it cannot be read without being used up or "
                  "changed. Take a std::vector of its elements");
  } else if constexpr (internal::ExtendsATemplate<T>) {
    static_assert(kHasKey<T>,
                  "permacache: this type has no key yet, as it may add something to the class that "
                  "it derives from. Say what identifies a value: write void "
                  "PermacacheKey(permacache::KeyWriter& key, const T& value) as a friend, in the "
                  "namespace of the type or in namespace permacache");
  } else {
    static_assert(kHasKey<T>,
                  "permacache: this type has no key yet. Say what identifies a value: write void "
                  "PermacacheKey(permacache::KeyWriter& key, const T& value) { "
                  "key.Write(value.a(), value.b()); } as a friend, in the namespace of the type or "
                  "in namespace permacache. A struct whose fields are all public needs nothing");
  }
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_REFUSAL_H_
