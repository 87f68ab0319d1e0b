// The signature of a callable: what it takes and what it returns.
#ifndef PERMACACHE_MEMOIZE_SIGNATURE_H_
#define PERMACACHE_MEMOIZE_SIGNATURE_H_

#include <type_traits>

namespace permacache::memoize {

template <class Result, class... Parameters>
struct Signature {};

namespace internal {

template <class T>
struct SignatureOf {
  static constexpr bool kKnown = false;
};

template <class R, class... A>
struct SignatureOf<R(A...)> {
  static constexpr bool kKnown = true;
  using Type = Signature<R, A...>;
};

template <class R, class... A>
struct SignatureOf<R(A...) noexcept> : SignatureOf<R(A...)> {};

template <class F>
struct SignatureOf<F*> : SignatureOf<F> {};

// A functor's or lambda's single operator().
template <class T>
struct OfCallOperator {
  static constexpr bool kKnown = false;
};

#define PERMACACHE_CALL_OPERATOR(qualifiers) \
  template <class R, class C, class... A>    \
  struct OfCallOperator<R (C::*)(A...) qualifiers> : SignatureOf<R(A...)> {}

PERMACACHE_CALL_OPERATOR();
PERMACACHE_CALL_OPERATOR(const);
PERMACACHE_CALL_OPERATOR(&);
PERMACACHE_CALL_OPERATOR(const&);
PERMACACHE_CALL_OPERATOR(noexcept);
PERMACACHE_CALL_OPERATOR(const noexcept);
PERMACACHE_CALL_OPERATOR(&noexcept);
PERMACACHE_CALL_OPERATOR(const& noexcept);

#undef PERMACACHE_CALL_OPERATOR

template <class T>
requires requires { &T::operator(); }
struct SignatureOf<T> : OfCallOperator<decltype(&T::operator())> {};

// A const member function takes its object first.
template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...) const> : SignatureOf<R(const C&, A...)> {};

template <class R, class C, class... A>
struct SignatureOf<R (C::*)(A...) const noexcept> : SignatureOf<R(const C&, A...)> {};

}  // namespace internal

// Whether Callable has exactly one signature: not a template, not overloaded.
template <class Callable>
inline constexpr bool kHasSignature = internal::SignatureOf<std::decay_t<Callable>>::kKnown;

template <class Callable>
using SignatureOf = typename internal::SignatureOf<std::decay_t<Callable>>::Type;

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_SIGNATURE_H_
